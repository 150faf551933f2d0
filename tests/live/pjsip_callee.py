"""A program of its own, for a process of its own: PJSIP answers one call, rings first, records what it hears.

    pjsip_callee.py PORT heard.wav [echo]

It says `listening` once calls may come, and ends with the call; exit code 0 when that was answered and hung up on.
With `echo` it says what it hears.
"""

import sys
import time

import pjsua2 as pj

CALL_WITHIN_S = 60
RINGS_S = 1.0


class AnsweredCall(pj.Call):
    """Rings, answers, records what it hears."""

    def __init__(self, account: pj.Account, call_id: int, path: str, *, echoes: bool) -> None:
        super().__init__(account, call_id)
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(path)
        self.echoes = echoes
        self.rang_at_s = time.monotonic()
        self.answered = self.ended = False
        self.status = 0

    def onCallState(self, _: pj.OnCallStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        self.answered = self.answered or info.state == pj.PJSIP_INV_STATE_CONFIRMED
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.ended, self.status = True, info.lastStatusCode

    def onCallMediaState(self, _: pj.OnCallMediaStateParam) -> None:  # noqa: N802
        info = self.getInfo()  # the media of an info that nobody holds are those of freed memory
        if any(media.status == pj.PJSUA_CALL_MEDIA_ACTIVE for media in info.media):
            audio = self.getAudioMedia(-1)
            audio.startTransmit(self.recorder)
            if self.echoes:
                audio.startTransmit(audio)

    def answer_with(self, status: int) -> None:
        """Send a response."""
        parameters = pj.CallOpParam()
        parameters.statusCode = status
        self.answer(parameters)


class Listener(pj.Account):
    """Takes the first call."""

    def __init__(self, path: str, *, echoes: bool) -> None:
        super().__init__()
        self.echoes = echoes
        self.path = path
        self.calls: list[AnsweredCall] = []

    def onIncomingCall(self, incoming: pj.OnIncomingCallParam) -> None:  # noqa: N802
        call = AnsweredCall(self, incoming.callId, self.path, echoes=self.echoes)
        self.calls.append(call)
        call.answer_with(180)


def main(port: int, path: str, *, echoes: bool) -> int:
    """One call; an exit code."""
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.maxCalls = 4
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.medConfig.noVad = echoes
    config.logConfig.level = config.logConfig.consoleLevel = 3
    endpoint.libInit(config)
    endpoint.audDevManager().setNullDev()
    transport = pj.TransportConfig()
    transport.port = port
    transport.boundAddress = transport.publicAddress = "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    settings = pj.AccountConfig()
    settings.idUri = "sip:callee@127.0.0.1"
    settings.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    account = Listener(path, echoes=echoes)
    account.create(settings)
    print("listening", flush=True)
    deadline = time.monotonic() + CALL_WITHIN_S
    has_answered = False
    while time.monotonic() < deadline and not (account.calls and account.calls[0].ended):
        endpoint.libHandleEvents(50)
        if account.calls and not has_answered and time.monotonic() > account.calls[0].rang_at_s + RINGS_S:
            account.calls[0].answer_with(200)
            has_answered = True
    good = bool(account.calls) and account.calls[0].answered and account.calls[0].ended
    print(f"answered and hung up on: {good}", flush=True)
    while account.calls:  # nothing of PJSIP may outlive its library
        del account.calls.pop().recorder
    account.shutdown()
    del account
    endpoint.libDestroy()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], echoes="echo" in sys.argv[3:]))
