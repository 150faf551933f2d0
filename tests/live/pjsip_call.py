"""A program of its own, for a process of its own: one call with PJSIP, no sound card, recorded to a WAV file.

    pjsip_call.py sip:1000@127.0.0.1:5060 heard.wav [user password]

It ends when the other side hangs up; exit code 0 when the call was answered and ended with 200. What it reads on stdin
it presses once it is answered, some keys a line; each line gives the call as much time again.
"""

import queue
import sys
import threading
import time

import pjsua2 as pj

CALL_WITHIN_S = 40


class ListeningCall(pj.Call):
    """Records what it hears."""

    def __init__(self, account: pj.Account, path: str) -> None:
        super().__init__(account)
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(path)
        self.ended = False
        self.answered = False
        self.status = 0

    def onCallState(self, _: pj.OnCallStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        self.answered = self.answered or info.state == pj.PJSIP_INV_STATE_CONFIRMED
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.status = info.lastStatusCode
            self.ended = True

    def onCallMediaState(self, _: pj.OnCallMediaStateParam) -> None:  # noqa: N802
        # The media of an info that nobody holds are those of freed memory.
        info = self.getInfo()
        if any(media.status == pj.PJSUA_CALL_MEDIA_ACTIVE for media in info.media):
            audio = self.getAudioMedia(-1)
            audio.startTransmit(self.recorder)
            # It says what it hears: without anything to say PJSIP sends no packet, and no key either.
            audio.startTransmit(audio)


def read_keys(waiting: "queue.SimpleQueue[str]") -> None:
    """Put every line of stdin where the call finds it."""
    for line in sys.stdin:
        waiting.put(line.strip())


def main(uri: str, path: str, user: str = "", password: str = "") -> int:
    """One call; an exit code."""
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.maxCalls = 4
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.medConfig.noVad = True
    config.logConfig.level = config.logConfig.consoleLevel = 3
    endpoint.libInit(config)
    endpoint.audDevManager().setNullDev()
    transport = pj.TransportConfig()
    transport.boundAddress = transport.publicAddress = "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_TCP, transport)
    endpoint.libStart()
    account = pj.Account()
    settings = pj.AccountConfig()
    settings.idUri = "sip:tester@127.0.0.1"
    settings.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    if user:
        settings.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
    account.create(settings)
    call = ListeningCall(account, path)
    call.makeCall(uri, pj.CallOpParam(True))
    keys: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=read_keys, args=(keys,), daemon=True).start()
    deadline = time.monotonic() + CALL_WITHIN_S
    while not call.ended and time.monotonic() < deadline:
        endpoint.libHandleEvents(50)
        if call.answered and not keys.empty():
            call.dialDtmf(keys.get())
            deadline = time.monotonic() + CALL_WITHIN_S
    print(f"answered: {call.answered}, hung up by the other side: {call.status}", flush=True)
    good = call.answered and call.ended and call.status == 200
    del call.recorder
    del call
    account.shutdown()
    endpoint.libDestroy()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
