"""The 49 messages of RFC 4475: what the RFC says of each, and what exactly becomes of it here.

A row's `answer` is the final status it is answered with, or DROPPED: not a byte goes out. `fields` are the values that
the RFC names, by the names that `test_rfc4475_table` reads them by; `says` are header fields of the answer, a reason
phrase among them. Where the RFC leaves a choice, `choice` says which one is taken and why.
"""

from dataclasses import dataclass, field

from keepline.sip.uas import ALLOW

DROPPED = 0
VALID = "valid"
INVALID = "invalid"
SDP_IN_USE = {"header:Content-Type": ["application/sdp"]}


@dataclass(frozen=True)
class Row:
    file: str
    section: str
    verdict: str
    rfc: str
    answer: int
    fields: dict[str, object] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)
    choice: str = ""


NOT_OURS = "a registrar would go on; this node is none, and §8.2.1 of RFC 3261 looks at the method before all else"

TABLE = [
    # 3.1.1: valid syntax ---------------------------------------------------------------------------------------------
    Row(
        "wsinv", "3.1.1.1", VALID, "well-formed, whatever its folding, spacing, order and unknown fields", 481,
        {
            "method": "INVITE", "uri": "sip:vivekg@chair-dnrc.example.com;unknownparam",
            "uri.params": {"unknownparam": None}, "max_forwards": 68, "cseq": (9, "INVITE"),
            "call_id": "wsinv.ndaksdj@192.0.2.1",
            "to.uri": "sip:vivekg@chair-dnrc.example.com", "to.tag": "1918181833n",
            "from.display": 'J Rosenberg \\"', "from.uri": "sip:jdrosen@example.com", "from.tag": "98asjd8",
            "via": [
                ("UDP", "192.0.2.2", "390skdjuw"), ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
                ("UDP", "192.168.255.111", "z9hG4bK30239"),
            ],
            "contacts": [
                ('Quoted string ""', "sip:jdrosen@example.com",
                 {"newparam": "newvalue", "secondparam": None, "q": "0.33"}),
            ],
            "header:Route": ["<sip:services.example.com;lr;unknownwith=value;unknown-no-value>"],
            "header:Subject": [""],
            "header:NewFangledHeader": ["newfangled value continued newfangled value"],
            "header:UnknownHeaderWithUnusualValue": [";;,,;;,;"],
            "body_bytes": 150, **SDP_IN_USE,
        },
        choice="its To has a tag, and of a dialog that nobody here has: 481 (RFC 3261 §12.2.2)",
    ),
    Row(
        "intmeth", "3.1.1.2", VALID, "every character class at its limits; the method is none that anybody knows", 501,
        {
            "method": "!interesting-Method0123456789_*+`.%indeed'~",
            "cseq": (139122385, "!interesting-Method0123456789_*+`.%indeed'~"),
            "uri.user": "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
            "uri.password": "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)", "uri.host": "example.com",
            "via": [("TCP", "host1.example.com", "z9hG4bK-.!%66*_+`'~")],
            "to.display": "BEL:\x07 NUL:\x00 DEL:\x7f", "from.display": "token1~` token2'+_ token3*%!.-",
            "from.uri": "sip:mundane@example.com",
            "from.params": {"fromparam''~+*_!.-%": '"работающий"', "tag": "_token~1'+`*%!-."},
            "call_id": "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{", "max_forwards": 255,
            "header:extensionHeader-!.%*+_`'~": ["\ufeff大停電"], "body_bytes": 0,
        },
        {"Allow": ALLOW},
        choice="501, not 405: the method is not recognised at all (RFC 3261 §21.5.2)",
    ),
    Row(
        "esc01", "3.1.1.3", VALID, "%-escapes stand for their characters, once and not recursively", 200,
        {
            "uri.user": "sips:user@example.com", "uri.host": "example.net", "to.user": "user",
            "from.user": "I have spaces", "contact.user": "caller",
            "contact.uri_params": {"lr": None, "name": "value%41"}, "body_bytes": 150, **SDP_IN_USE,
        },
        choice="answered because the operation of the test has a number of this strange name",
    ),
    Row(
        "escnull", "3.1.1.4", VALID, "escaped nulls in user parts do not end them; two contacts", 405,
        {
            "to.user": "null-\0-null", "from.user": "null-\0-null", "contact.users": ["\0", "\0\0"],
            "cseq": (14398234, "REGISTER"),
        },
        {"Allow": ALLOW},
        choice=NOT_OURS,
    ),
    Row(
        "esc02", "3.1.1.5", VALID, "% in a method, a name and a token is no escape: not a REGISTER, not a Contact", 501,
        {
            "method": "RE%47IST%45R", "cseq": (29344, "RE%47IST%45R"), "to.display": "%Z%45", "from.display": "%Z%45",
            "via": [("TCP", "host.example.com", "z9hG4bK209%fzsnel234")],
            "contact.users": ["alias1", "alias3"], "header:C%6Fntact": ["<sip:alias2@host2.example.com>"],
        },
        choice="501: an unknown method",
    ),
    Row(
        "lwsdisp", "3.1.1.6", VALID, "no white space between a display name and its <", 200,
        {"from.display": "caller", "from.uri": "sip:caller@example.com", "from.tag": "323"},
    ),
    Row(
        "longreq", "3.1.1.7", VALID, "long values are well-formed", 200,
        {
            "to.display": "I have a user name of " + "extreme" * 10 + " proportion", "to.user": "user",
            "to.uri_params": {
                "unknownparam1": "very" + "long" * 20 + "value",
                "longparam" + "name" * 25: "shortvalue",
                "very" + "long" * 25 + "parameternamewithnovalue": None,
            },
            "from.tag": "12" + "982" * 50 + "424", "from.user": "amazinglylongcallername" * 5,
            "call_id": "longreq.one" + "really" * 20 + "longcallid",
            "via.count": 34, "via.top": ("TCP", "sip33.example.com", None),
            "via.last": ("TCP", "host.example.com", "very" + "long" * 50 + "branchvalue"),
            "contact.user": "amazinglylongcallername" * 5, "body_bytes": 150, **SDP_IN_USE,
        },
    ),
    Row(
        "dblreq", "3.1.1.8", VALID, "what follows the body in a datagram is noise: one REGISTER, no INVITE", 405,
        {"method": "REGISTER", "call_id": "dblreq.0ha0isndaksdj99sdfafnl3lk233412", "body_bytes": 0},
        choice=NOT_OURS,
    ),
    Row(
        "semiuri", "3.1.1.9", VALID, "a semicolon and parameters may be part of the user", 200,
        {
            "uri.user": "user;par=u@example.net", "uri.host": "example.com", "uri.params": {},
            "header:Accept": [
                "application/sdp", "application/pkcs7-mime", "multipart/mixed", "multipart/signed", "message/sip",
                "message/sipfrag",
            ],
        },
    ),
    Row(
        "transports", "3.1.1.10", VALID, "known, unusual and unknown transports in Via", 200,
        {
            "via": [
                ("UDP", "t1.example.com", "z9hG4bKkdjuw"), ("SCTP", "t2.example.com", "z9hG4bKklasjdhf"),
                ("TLS", "t3.example.com", "z9hG4bK2980unddj"), ("UNKNOWN", "t4.example.com", "z9hG4bKasd0f3en"),
                ("TCP", "t5.example.com", "z9hG4bK0a9idfnee"),
            ],
            "call_id": "transports.kijh4akdnaqjkwendsasfdj",
        },
    ),
    Row(
        "mpart01", "3.1.1.11", VALID, "a multipart body, binary, zeros included, framed by its length", 405,
        {
            "method": "MESSAGE", "body_bytes": 553,
            "parts": [("text/plain", b"Hello"), ("application/octet-stream", 342)], "contact.user": "fluffy",
            "header:Route": ["<sip:127.0.0.1:5080>"],
        },
        choice="405: the method is known, messages are not taken here",
    ),
    Row(
        "unreason", "3.1.1.12", VALID, "any reason phrase, in any script", DROPPED,
        {
            "status": 200, "reason": "= 2**3 * 5**2 но сто девяносто девять - простое", "cseq": (35, "INVITE"),
            "body_bytes": 154,
        },
        choice="the answer to no request of ours",
    ),
    Row(
        "noreason", "3.1.1.13", VALID, "an empty reason phrase", DROPPED,
        {"status": 100, "reason": "", "cseq": (35, "INVITE")},
        choice="the answer to no request of ours",
    ),
    # 3.1.2: invalid syntax -------------------------------------------------------------------------------------------
    Row("badinv01", "3.1.2.1", INVALID, "400: separators with nothing between them", 400,
        says={"reason": "semicolon with no parameter"}),
    Row("clerr", "3.1.2.2", INVALID, "400: Content-Length beyond the datagram", 400,
        says={"reason": "Content-Length"}),
    Row("ncl", "3.1.2.3", INVALID, "400: negative Content-Length", 400, says={"reason": "Content-Length"}),
    Row("scalar02", "3.1.2.4", INVALID, "400: CSeq beyond 2**31", 400, says={"reason": "CSeq"}),
    Row("scalarlg", "3.1.2.5", INVALID, "a response with a CSeq out of range is discarded", DROPPED),
    Row("quotbal", "3.1.2.6", INVALID, "400: an unterminated quote in To", 400, says={"reason": "To: an address"},
        choice="no closing quote is inferred: a guess at an address is worse than a refusal"),
    Row("ltgtruri", "3.1.2.7", INVALID, "400: Request-URI in angle brackets", 400, says={"reason": "request line"},
        choice="no liberality: nobody who means to reach a number sends this"),
    Row("lwsruri", "3.1.2.8", INVALID, "400: white space in the Request-URI", 400, says={"reason": "request line"}),
    Row("lwsstart", "3.1.2.9", INVALID, "400: more than one space in the Request-Line", 400,
        says={"reason": "request line"}, choice="not ignored: two readers of one line are a way past a guard"),
    Row("trws", "3.1.2.10", INVALID, "400: spaces at the end of the Request-Line", 400,
        says={"reason": "request line"}, choice="as lwsstart"),
    Row("escruri", "3.1.2.11", INVALID, "400: escaped headers in the Request-URI", 400,
        says={"reason": "headers in the Request-URI"}, choice="not ignored: a Route is being smuggled in"),
    Row(
        "baddate", "3.1.2.12", INVALID, "may be refused; need not be unless Date matters to the element", 200,
        {"header:Date": ["Fri, 01 Jan 2010 16:00:00 EST"], "body_bytes": 150},
        choice="answered: Date is not read here, and the RFC advises against refusing a call for it",
    ),
    Row("regbadct", "3.1.2.13", INVALID, "400: a Contact URI with headers and no angle brackets", 400,
        says={"reason": "Contact: an address"}),
    Row("badaspec", "3.1.2.14", INVALID, "400: spaces within an addr-spec", 400, says={"reason": "To: an address"}),
    Row("baddn", "3.1.2.15", INVALID, "400: non-token characters in an unquoted display name", 400,
        choice="as the RFC calls reasonable; letters beyond ASCII are let through, callers have such names"),
    Row("badvers", "3.1.2.16", INVALID, "505", 505),
    Row("mismatch01", "3.1.2.17", INVALID, "400: CSeq names another method", 400, says={"reason": "CSeq"}),
    Row("mismatch02", "3.1.2.18", INVALID, "501 should be, 400 may be: an unknown method that CSeq does not name", 501,
        says={"Allow": ALLOW},
        choice="501, which the RFC prefers: it tells the sender the truth that lasts"),
    Row("bigcode", "3.1.2.19", INVALID, "a response with such a status is dropped", DROPPED),
    # 3.2: transaction layer ------------------------------------------------------------------------------------------
    Row(
        "badbranch", "3.2.1", INVALID, "400, or matched as RFC 2543 does: the cookie with nothing after it", 200,
        {"via": [("UDP", "192.0.2.1", "z9hG4bK")]},
        choice="matched as RFC 2543 does: a peer with this bug still wants its OPTIONS answered",
    ),
    # 3.3: application layer ------------------------------------------------------------------------------------------
    Row("insuf", "3.3.1", INVALID, "400: Call-ID, From and To are missing", 400, says={"reason": "is missing"}),
    Row("unkscm", "3.3.2", INVALID, "416: unknown scheme of the Request-URI", 416,
        {"uri": "nobodyKnowsThisScheme:totallyopaquecontent"}),
    Row("novelsc", "3.3.3", VALID, "416 where this scheme is never of use in a Request-URI", 416,
        {"uri": "soap.beep://192.0.2.103:3002"}),
    Row(
        "unksm2", "3.3.4", VALID, "unknown schemes in To, From and Contact are well-formed; a registrar says 400", 405,
        {
            "to.uri": "isbn:2983792873", "from.uri": "http://www.example.com", "from.tag": "3234233",
            "contacts": [("", "name:John_Smith", {})],
        },
        choice=NOT_OURS,
    ),
    Row(
        "bext01", "3.3.5", VALID, "420 with Unsupported: what a user agent was required to support", 420,
        {"header:Proxy-Require": ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]},
        {"Unsupported": "nothingSupportsThis, nothingSupportsThisEither"},
        choice="Require alone is listed: Proxy-Require is for proxies",
    ),
    Row(
        "invut", "3.3.6", VALID, "415: a body of an unknown type", 415,
        {"body_bytes": 40, "header:Content-Type": ["application/unknownformat"]}, {"Accept": "application/sdp"},
    ),
    Row(
        "regaut01", "3.3.7", VALID, "an unknown Authorization scheme is well-formed", 405,
        {"header:Authorization": ["NoOneKnowsThisScheme opaque-data=here"]}, choice=NOT_OURS,
    ),
    Row("multi01", "3.3.8", INVALID, "400: fields that may occur once occur twice", 400,
        says={"reason": "occurs more than once"}),
    Row("mcl01", "3.3.9", INVALID, "400: two Content-Lengths", 400, says={"reason": "Content-Length occurs"}),
    Row(
        "bcast", "3.3.10", VALID, "a response with a broadcast address in its second Via is discarded", DROPPED,
        {"status": 200, "via.last": ("UDP", "255.255.255.255", "z9hG4bK1saber23")},
    ),
    Row("zeromf", "3.3.11", VALID, "Max-Forwards 0 stops proxies; an endpoint goes on", 200, {"max_forwards": 0}),
    Row(
        "cparam01", "3.3.12", VALID, "without brackets a parameter is the Contact's", 405,
        {"contacts": [("", "sip:+19725552222@gw1.example.net", {"unknownparam": None})]}, choice=NOT_OURS,
    ),
    Row(
        "cparam02", "3.3.13", VALID, "within brackets a parameter is the URI's", 405,
        {
            "contacts": [("", "sip:+19725552222@gw1.example.net;unknownparam", {})],
            "contact.uri_params": {"unknownparam": None},
        },
        choice=NOT_OURS,
    ),
    Row(
        "regescrt", "3.3.14", VALID, "escaped headers in a Contact URI", 405,
        {"contact.uri_headers": "Route=%3Csip:sip.example.com%3E"}, choice=NOT_OURS,
    ),
    Row(
        "sdp01", "3.3.15", VALID, "406 with Warning 399, or 400: the answer may not be a session description", 406,
        {"header:Accept": ["text/nobodyKnowsThis"]}, {"Warning": "399"},
        choice="406: nothing is malformed",
    ),
    # 3.4: backward compatibility -------------------------------------------------------------------------------------
    Row(
        "inv2543", "3.4.1", VALID, "no branch, From tag, Contact, Max-Forwards or Content-Length: accept it", 200,
        {
            "via": [("UDP", "iftgw.example.com", None)], "from.tag": None, "from.user": "+13035551111",
            "header:Content-Length": [], "header:Max-Forwards": [], "contacts": [],
            "header:Record-Route": ["<sip:UserB@example.com;maddr=ss1.example.com>"],
            "to.params": {"user": "phone"}, "body_bytes": 105,
        },
        choice="accepted; what we send goes to the address of its From, as RFC 2543 had it",
    ),
]  # fmt: skip
