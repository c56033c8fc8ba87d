-- A request, as it arrived.
CREATE TABLE request (
  number      INTEGER PRIMARY KEY, -- arrival number, from 1, without gaps
  received_at TEXT NOT NULL,       -- when the whole of it had arrived: UTC, RFC 3339, microseconds
  peer        TEXT NOT NULL,       -- the address it came from
  version     TEXT NOT NULL,       -- HTTP/1.0 or HTTP/1.1
  method      TEXT NOT NULL,
  target      TEXT NOT NULL,       -- usually path and query
  headers     TEXT NOT NULL,       -- JSON: [["name", "value"], ...]; a value that is no UTF-8 is {"base64": "..."}
  body        BLOB NOT NULL,       -- the bytes, without their framing
  fault       TEXT                 -- why the body is not whole; NULL when it is
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

-- Both sides of each exchange, by arrival.
CREATE VIEW exchange AS
SELECT request.number, received_at, peer, version, method, target,
       request.headers AS request_headers, request.body AS request_body, fault,
       nullif(status, 0) AS status, reply.headers AS reply_headers, reply.body AS reply_body, duration_ms,
       forwarded_url, forwarded_ms, forwarded_error, injected
FROM request LEFT JOIN reply USING (number)
ORDER BY request.number;
