-- A request, as it arrived.
CREATE TABLE request (
  number      INTEGER PRIMARY KEY, -- arrival number, from 1; never given twice, whatever was dropped
  received_at TEXT NOT NULL,       -- when the whole of it had arrived: UTC, RFC 3339, microseconds
  peer        TEXT NOT NULL,       -- the address it came from
  version     TEXT NOT NULL,       -- the HTTP version, as HTTP/1.1
  method      TEXT NOT NULL,
  target      TEXT NOT NULL,       -- usually path and query
  headers     TEXT NOT NULL,       -- JSON: [["name", "value"], ...]; a value that is no UTF-8 is {"base64": "..."}
  body        BLOB NOT NULL,       -- the bytes, without their framing
  fault       TEXT,                -- why the body is not whole; NULL when it is
  connection  INTEGER,             -- which connection of its listener it came over, from 1
  head        BLOB,                -- request line and header lines, byte for byte; NULL when they were not kept
  trailers    TEXT,                -- trailer lines, in the form of headers; NULL when there were none
  notes       TEXT,                -- what is odd about its framing: a JSON array of sentences; NULL when nothing is
  signature   TEXT                 -- what verifying the signature came to: valid, or why not; NULL when it was not tried
) STRICT;

-- What was answered. A request without a reply is one that was under way when the recorder ended.
CREATE TABLE reply (
  number          INTEGER PRIMARY KEY REFERENCES request (number),
  status          INTEGER NOT NULL, -- 0 when a fault was put in place of the whole reply, on purpose
  headers         TEXT NOT NULL,   -- as above
  body            BLOB NOT NULL,
  duration_ms     REAL NOT NULL,   -- from the arrival to the reply
  forwarded_url   TEXT,            -- where the request was forwarded, when it was
  forwarded_ms    REAL,            -- how long the far side took
  forwarded_error TEXT,            -- why there is no reply from there, when there is none
  injected        TEXT             -- the fault that was put into the reply on purpose, when there was one
) STRICT;

-- What retention has dropped, the oldest first: one row.
CREATE TABLE dropped (
  exchanges   INTEGER NOT NULL,    -- how many, ever
  last_number INTEGER NOT NULL     -- the newest of them; 0 when there is none
) STRICT;
INSERT INTO dropped VALUES (0, 0);

-- Both sides of each exchange, by arrival.
CREATE VIEW exchange AS
SELECT request.number, received_at, peer, version, method, target,
       request.headers AS request_headers, request.body AS request_body, fault,
       connection, head, trailers, notes, signature,
       nullif(status, 0) AS status, reply.headers AS reply_headers, reply.body AS reply_body, duration_ms,
       forwarded_url, forwarded_ms, forwarded_error, injected
FROM request LEFT JOIN reply USING (number)
ORDER BY request.number;
