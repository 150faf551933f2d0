"""Every bound that Keepline puts on what it queues, retries, loops over or keeps. Each is reached by a test."""

# Flows
FLOW_STEPS_MAX = 10_000
"""Steps of one run of a flow; a loop that never waits for its caller ends here."""
FLOW_STEPS_AFTER_HANGUP_MAX = 100
"""Steps that a flow may still take when its call is over; a loop that catches `HungUp` ends here."""
FLOW_STEPS_PER_S_MAX = 200
"""Steps of one flow in a second; a loop whose steps take no time ends here, before other calls feel it."""
FLOW_CLOSINGS_MAX = 100
"""Attempts at closing a flow that waits again in its `finally`."""
FLOW_TRACEBACK_CHARS_MAX = 8_000
"""The end of a traceback is what is kept."""
ASK_DIGITS_COUNT_MAX = 64
ASK_RETRIES_MAX = 10
"""Of one question."""
SECRET_COUNT_MAX = 32
"""Digits of one secret."""
SECRET_AHEAD_MAX = 32
"""Keys pressed after an entry and before the next one is asked for; further ones are dropped."""
SECRETS_PER_CALL_MAX = 8
"""Secrets that a call has at one time; a question for one more fails its step."""
RECORDING_LENGTH_S_MAX = 3_600
"""Of one message."""
RECORDING_SILENCE_S_MIN = 1.0
"""That ends a message: less is a breath."""
SECRET_REVEAL_S_MAX = 1.0
"""How long a use waits for the digits that it needs."""
SECRET_REPEATS_MAX = 5
"""Times that one step asks again since the digits were lost; after that it has no answer, as if none were keyed."""
WAIT_S_MAX = 86_400
"""Of one wait of a flow."""
NOTE_CHARS_MAX = 4_000
"""Of what one `log` or `outcome` puts on record."""

TRANSFER_S_MAX = 600
"""Of one transfer, until it is known what became of it."""
TRANSFER_NEWS_MAX = 20
"""Words on record about one transfer that are not its last."""
REFERS_MAX = 8
"""How often one caller is handed on by REFER; the next one is refused."""
REFER_NOTIFIES_MAX = 20
"""NOTIFYs of one dialog about how it goes; of further ones only the last words are sent."""

# Calls
SETTLED_TRANSACTIONS_MAX = 200_000
"""Finished server transactions remembered for their 64*T1 (RFC 3261 §17.2), compactly."""
ENDED_CALLS_MAX = 100_000
"""Ended calls remembered for late requests after a switch-over."""
CALL_REQUESTS_MAX = 2_000
"""INVITEs and keys by INFO within one call that are put on record; the next one is refused 500. A day's refreshes of a
session timer of 90 s are half of that."""
CALL_DIGITS_MAX = 1_000
"""Digits of one call that no question has used yet; further ones are counted and dropped."""
REFUSALS_MAX = 20_000
"""Refused INVITEs that wait for their ACK; past it an answer is sent once, and again only when it is asked for."""

CALL_PROGRESS_MAX = 20
"""Provisional answers of one call that we place, on record; further ones are heard and not noted."""
CALL_ATTEMPTS_MAX = 8
"""INVITEs of one call that we place: redirections, challenges and other targets together."""
REQUEST_PROOFS_MAX = 3
"""Challenges that are answered of one request of ours within a call: a proxy, the peer, and a stale nonce."""
CALL_VARIABLES_CHARS_MAX = 8_000
"""Of the variables of one call that we place, as JSON."""
FORKS_MAX = 8
"""Others that answer one call as well, on record; further ones are hung up all the same."""
RING_TIMEOUT_S_MAX = 600
"""How long a call that we place may take to be answered."""

# --- keepline.config: how much an operation may be -------------------------------------------------------------------
OPERATION_FILE_BYTES_MAX = 1_048_576
"""The YAML file itself."""
OPERATION_NODES_MAX = 100_000
"""Values in the file, aliases counted each time they are used."""
OPERATION_DEPTH_MAX = 32
"""Mappings and lists within one another."""
OPERATION_FILES_MAX = 1_000
"""Python modules and recordings of an operation."""
OPERATION_BYTES_MAX = 268_435_456
"""Of them all together."""
TRUNK_USERS_MAX = 1_000
"""Of one trunk."""
REGISTER_ATTEMPTS_MAX = 4
"""Requests of one attempt to register: challenges, and a time that is too brief."""
REGISTER_PAUSE_S_MIN = 5.0
REGISTER_PAUSE_S_MAX = 600.0
"""Between two attempts; it doubles with each that fails."""
REGISTRATION_EXPIRES_S_MIN = 60
REGISTRATION_EXPIRES_S_MAX = 86_400
"""What a registrar may be asked for."""
DENIALS_REPORTED_PER_S_MAX = 1
"""Calls denied by one rule that may cause a line in the log at once; it has one a minute."""
OUTBOUND_CALLS_PER_HOUR_MAX = 400_000
"""The most that a policy may allow: so many are counted."""
OUTBOUND_PREFIXES_MAX = 1_000
"""Of one list of prefixes."""
OPERATION_VERSIONS_KEPT_MAX = 2
"""Stored copies kept though no open call needs them: the current one and the one before."""
DEPENDENCIES_MAX = 1_000
"""Entries of one operation; the work of `keepline spof` grows with their square."""
DEPENDENCY_NEEDS_MAX = 50
"""Needs of one of them."""
MISTAKES_MAX = 100
"""Mistakes told at once; a file with more says how many are left."""

# --- keepline.node.media and its memory ------------------------------------------------------------------------------
RTP_SLOTS_MAX = 16_384
"""RTP ports of a node; half of all UDP ports."""
RTP_PORTS_BUSY_SHARE_MAX = 0.1
"""Share of a node's RTP ports that other programs may have at its start, one at least; with more it does not start."""
MEDIA_RECORDS_PER_DATAGRAM_MAX = 128
"""Commands or events in one datagram; 128 of 214 bytes fit every default socket buffer."""
MEDIA_NETWORKS_MAX = 8
"""Networks that a trunk's media may come from."""
LATCH_PACKETS = 10
"""Packets within which the signalled address may still take a stream from another of the trunk's networks."""
LATCH_S = 0.18
"""The least time that these take: of a burst no more is learnt than of its first packet."""
RECORDING_PIECES_MAX = 4_000
"""Half seconds of recordings that wait for the disk; past it they are left out, and silent."""
RTCP_PER_TICK_MAX = 16
"""RTCP packets sent, and packets received, in one 2 ms tick; the rest wait for the next."""
RTCP_PACKET_BYTES_MAX = 1_500
"""A longer one is no report of one stream: ignored."""
MEDIA_EVENTS_WAITING_MAX = 4_096
"""Events kept while nobody reads them; past it the overflow mark is set and the slots must be read again."""
FINGERPRINTS_CACHED_MAX = 1_024
"""Of requests with words, the latest: calls make the same ones again and again."""
PROMPT_KEYS_CACHED_MAX = 1_024
"""Names of prompts' audio that are kept: calls say the same words again and again."""
MEDIA_ADDRESSES_CACHED_MAX = 1_024
"""Addresses, and sets of networks, that calls repeat: packed and unpacked once, the latest."""
MEDIA_CATCH_UP_TICKS_MAX = 50
"""2 ms ticks that a late wake-up makes good packet by packet; past it the timestamps jump."""
MEDIA_COMMANDS_PER_WAKE_MAX = 8
"""Datagrams of commands taken between two ticks."""
RTP_RECEIVE_PER_TICK_MAX = 1_024
"""Packets taken in one 2 ms tick, one a port; the rest wait for the next."""
RTP_PACKET_BYTES_MAX = 1_500
"""A longer packet is no telephone audio: ignored."""
RTP_DRAIN_MAX = 256
"""Packets thrown away when a port changes hands; more than its receive buffer holds."""
RTP_RECEIVE_BUFFER_BYTES = 32_768
"""Of one port: over a second of audio, so that a media process that is replaced misses nothing."""
BRIDGE_EVENTS_MAX = 50
"""Packets of keys on their way from one leg to the other; further ones are left out."""
JITTER_UNITS_MAX = 1_600
"""Audio of one direction of a bridge that is held, 200 ms; past it the oldest is left out."""
MEDIA_CLOSE_S_MAX = 10.0
"""How long a call that is over waits for media to say so; then its figures are taken as they stand."""
PROMPT_BYTES_MAX = 16_000_000
"""One prompt; over half an hour. Reading one must not hold up the packets of others."""
PROMPT_CACHE_BYTES_MAX = 128_000_000
"""Prompts kept in media's memory, the least recently played dropped first."""

# --- keepline.sip: how much a message may be -------------------------------------------------------------------------
SIP_MESSAGE_BYTES_MAX = 32_768
"""Of one message; a longer one is answered 513."""
SIP_HEADERS_MAX = 200
"""Header lines of one message; more are answered 400."""
SDP_LINES_MAX = 500
"""Of one session description; a longer one is answered 488."""
SDP_MEDIA_MAX = 16
"""Media of one session description; more are answered 488."""
BODY_PARTS_MAX = 16
"""Of one multipart body; more are answered 400."""
SIP_VALUES_CACHED_MAX = 4_096
"""Addresses, and as many URIs, that are not read twice; the least used are forgotten."""
SIP_CACHED_CHARS_MAX = 256
"""Of one that is kept."""
SERVER_TRANSACTIONS_MAX = 20_000
"""Requests in work or awaiting their ACK; the next one is answered 503 without a memory of it."""
REFUSALS_RECORDED_PER_S_MAX = 200
"""Calls answered 503 that get a record; beyond, the answer is stateless and the calls are only counted."""
SHED_REMEMBERED_S = 4.0
"""How long an INVITE that was refused without a transaction is refused again: its copies may be under way."""
SHED_REMEMBERED_MAX = 20_000
"""Such INVITEs, the latest."""
METERED_SOURCES_MAX = 256
"""Sources of unwanted messages told apart; the others are counted as one."""
STRANGER_ANSWERS_PER_S_MAX = 5
"""To one source that is no trunk's peer; beyond, its messages go unread."""
STRANGERS_ANSWERED_PER_S_MAX = 50
"""To all of them together, whose addresses may be forged."""
WRONG_PASSWORDS_PER_S_MAX = 2
"""Of one address: beyond, its credentials go unread, and unanswered."""
WRONG_PASSWORDS_ANSWERED_PER_S_MAX = 50
"""Of all addresses together."""
NONCES_REMEMBERED_MAX = 10_000
"""Nonces whose uses are counted, the least used forgotten first."""
USER_HOSTS_MAX = 10_000
"""Addresses known to be users', the longest silent forgotten first."""
BROKEN_ANSWERS_PER_S_MAX = 50
"""To messages of one peer that cannot be read; beyond, silence."""
BROKEN_ANSWERED_PER_S_MAX = 500
"""To those of all peers together."""
DIGEST_PARAMS_MAX = 32
"""Parameters of one challenge or answer; more are answered 400."""
NONCE_LIFE_S_MAX = 300
"""Age of a nonce; an answer to an older one is asked for again, as stale."""
SESSION_EXPIRES_S_MIN = 90
"""The least session interval that is accepted (RFC 4028 §5); less is answered 422."""
SESSION_EXPIRES_S_MAX = 86_400
"""A longer one is answered with this."""
TRUNK_PEERS_CACHED_MAX = 4_096
"""Source addresses whose trunk is remembered; past it all are looked up anew."""

# --- SIP over TCP ----------------------------------------------------------------------------------------------------
STREAMS_MAX = 4_096
"""TCP connections at once; the next one is closed as it comes."""
STREAMS_PER_SOURCE_MAX = 2_048
"""Of one peer of a trunk, which may use one for each call."""
STRANGER_STREAMS_MAX = 32
"""Of sources that are no trunk's peer, all together."""
STRANGER_STREAMS_PER_SOURCE_MAX = 2
"""Of one such source."""
STRANGER_STREAM_S_MAX = 5.0
"""How long such a connection is kept."""
STREAM_IDLE_S_MAX = 7_200.0
"""Without a byte either way; then a connection is closed."""
STREAM_MESSAGE_S_MAX = 32.0
"""From a message's first bytes to its last; then its connection is closed."""
STREAM_CONNECT_S_MAX = 5.0
"""Until a connection that we make is there; then what was to go over it could not be sent."""
STREAM_UNSENT_BYTES_MAX = 262_144
"""That a peer does not read; past it its connection is closed."""
STREAM_MESSAGES_PER_TURN_MAX = 32
"""Messages of one connection that are taken before others have their turn."""
STREAM_ACCEPTS_PER_TURN_MAX = 16
"""Connections that are accepted before anything else has its turn."""
BYE_CONNECTIONS_MAX = 3
"""Times that a BYE whose connection was lost is sent over another one."""
STREAM_HANDOVER_S_MAX = 2.0
"""How long a successor waits for its predecessor's connections before it makes new ones."""

# --- Locating --------------------------------------------------------------------------------------------------------
LOCATED_TARGETS_MAX = 16
"""Addresses of one trunk's proxies that a call may try."""
LOCATED_SERVERS_MAX = 8
"""Servers of one name whose addresses are asked for: the first by priority."""
DNS_SERVERS_MAX = 8
"""Resolvers that an operation may name."""
DNS_S_MAX = 4.0
"""For the answer to one question, all resolvers together."""
DNS_TTL_S_MIN = 5.0
"""An answer that says it holds for less is kept so long."""
DNS_TTL_S_MAX = 3_600.0
"""And one that says more is asked for again after this."""
DNS_NEGATIVE_S = 30.0
"""Until a name that could not be located is asked for again."""

# Speech and prompts
PROMPT_TEXT_CHARS_MAX = 8_000
"""Of one spoken prompt; a longer text is refused."""
PROMPT_LENGTH_S_MAX = 600
"""Of one prompt, spoken or recorded; a longer one is refused."""
RECORDING_BYTES_MAX = 256 * 1024 * 1024
"""Of a recorded file; a larger one is refused unread."""
PROMPT_STORE_BYTES_MAX = 16 * 1024**3
"""Of all prompts of a data directory; past it nothing new is rendered."""
PROMPT_MEMORY_BYTES_MAX = 64_000_000
"""Of the prompts that stand in memory since the disk takes none: more than an hour of speech, in both codecs."""
PROMPT_UNUSED_DAYS_MAX = 30
"""Prompts neither made nor read for that long are removed when a node starts; what is asked for again is made again."""
SPEECH_CLIENTS_MAX = 64
"""Connections to the speech process; the next ones wait in the kernel's queue."""
SPEECH_LINE_BYTES_MAX = 64 * 1024
"""Of one request; a longer one is answered with an error and its connection closed."""
SPEECH_UNREAD_BYTES_MAX = 64 * 1024
"""Answers that a client has not read; past it its connection is closed."""
PROMPT_ATTEMPTS_MAX = 4
"""Times a prompt is asked for when the speech process dies over it."""
PROMPT_REQUESTS_MAX = 16
"""Prompts that one process asks for at once; the next ones wait their turn."""
PROMPT_WAITING_MAX = 2_000
"""Prompts being made or waiting their turn; the next one fails at once."""
PROMPT_FAILURES_MAX = 1_000
"""Failures remembered for a moment, so that a bad prompt is not asked for by every call."""
PROMPTS_READY_MAX = 100_000
"""Keys known to be on disk; past it the set is emptied and filled anew from disk."""

# Journal
JOURNAL_QUEUE_FACTS_MAX = 200_000
"""Facts that may wait for the disk; what comes beyond is lost, and said to be."""
JOURNAL_BACKLOG_FACTS_MAX = 100_000
"""Facts that wait for the disk from which on new calls are refused 503: the rest of the room is for those that are
live."""
JOURNAL_WRITE_S_MAX = 1.0
"""How long what a call does waits until its facts are written; then it goes on from memory."""
JOURNAL_SYNC_S_MAX = 5.0
"""How long a use that changes something waits until it is synced that it is asked for; then it is not asked for. A disk
whose flushes take 2 s is still quick enough."""
JOURNAL_KEEP_DAYS_MIN = 2
"""Words of calls are kept so long at least: what calls of the last hour may cost is read from a day's."""
JOURNAL_PIECE_FACTS_MAX = 64
"""Erased in one go by the thread that writes."""
JOURNAL_BLOCK_FACTS = 64
"""Of so many erased facts, beginning at a multiple of it, the root of their subtree is kept: a power of two."""
JOURNAL_WAL_BYTES_MAX = 32 << 20
"""Size of the write-ahead log at which it is folded into the database."""
JOURNAL_WAL_BYTES_CALM = 4 << 20
"""The same where the last fold is a second ago: whoever waits for a flush meanwhile waits for less."""

WITNESSES_MAX = 8
"""Of one journal; each has a thread of the desk's."""
WITNESS_S_MAX = 20.0
"""For a witness to take a checkpoint, connecting included, and for an answer of one that is asked what it has."""
WITNESS_RETRY_S_MAX = 600.0
"""Between two attempts at a witness that does not take what it is sent; the pause doubles with each."""
WITNESS_BYTES_MAX = 64 * 1024 * 1024
"""Of what a witness kept, when it is read again; one with more is not read."""
WITNESS_DELIVERIES_MAX = 10_000
"""Of one witness that are remembered; the oldest are forgotten first."""

# Control
CONTROL_MESSAGE_BYTES_MAX = 65_536
CONTROL_CLIENTS_MAX = 64
"""Connections of commands at once; the oldest gives way."""
CONTROL_FDS_PER_MESSAGE_MAX = 200
"""The kernel passes 253 descriptors at most in one message."""

# Calls process
SIP_DATAGRAMS_PER_TURN_MAX = 16
"""Dealt with before anything else has its turn."""
SIP_TAKE_OVER_S = 3.0
"""After a take-over, until what has waited is judged by how long it has."""
SIP_REFUSALS_PER_TURN_MAX = 1_000
"""New calls that waited too long, refused beside them."""
SIP_DATAGRAMS_PER_READ_MAX = 1_000
"""Read before any is dealt with."""
SIP_BOUNCES_PER_READ_MAX = 100
"""Errors of datagrams that we sent, read at a time."""
SIP_WAITING_MAX = 20_000
"""Read and not dealt with yet; what comes beyond waits in the kernel."""
SIP_WAIT_FAIR_S = 0.1
"""Of the new call that has waited longest; from there on the latest is served before it."""
SIP_WAIT_S_MAX = 0.4
"""Of a new call for its turn; one that has waited longer is refused 503 and only counted. Its caller asks again after
500 ms (RFC 3261 §17.1.1.2)."""
WAKES_PER_TURN = 8
"""Calls taken over that are woken between two looks at the sockets."""
MEDIA_COMMAND_DATAGRAMS_MAX = 1_000
"""Command datagrams that wait for a media process that does not read."""

# Phone
PHONE_STEPS_MAX = 1_000
"""Parts of one --keys script."""
PHONE_WAIT_S_MAX = 3_600
"""Of one wait in a script."""
PHONE_GAP_S_MAX = 30
"""A gap in what is heard that is recorded as silence; a longer one is the other side's clock set anew."""
PHONE_PACKETS_PER_WAKE_MAX = 64
"""Packets read before the phone does something else."""

# Simulation
SIM_EVENTS_MAX = 1_000_000
"""Events of one simulated world; more are a world that does not come to rest."""

# Calls that kill their process
DEATHS_OF_CALL_MAX = 2
"""Of processes that worked on one call; then it is set aside."""
BLAMED_REST_S = 10.0
"""How long a call that has killed a process is left alone by one without a standby; touched, it wakes all the same."""
CALLS_BLAMED_MAX = 16
"""Calls whose deaths are remembered."""
