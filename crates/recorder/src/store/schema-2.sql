-- From form 1 to form 2: what the wire told, the verdict on the signature, and what retention dropped.
ALTER TABLE request ADD COLUMN connection INTEGER;
ALTER TABLE request ADD COLUMN head BLOB;
ALTER TABLE request ADD COLUMN trailers TEXT;
ALTER TABLE request ADD COLUMN notes TEXT;
ALTER TABLE request ADD COLUMN signature TEXT;
ALTER TABLE reply ADD COLUMN injected TEXT;

CREATE TABLE dropped (
  exchanges   INTEGER NOT NULL,
  last_number INTEGER NOT NULL
) STRICT;
INSERT INTO dropped VALUES (0, 0);

DROP VIEW exchange;
CREATE VIEW exchange AS
SELECT request.number, received_at, peer, version, method, target,
       request.headers AS request_headers, request.body AS request_body, fault,
       connection, head, trailers, notes, signature,
       nullif(status, 0) AS status, reply.headers AS reply_headers, reply.body AS reply_body, duration_ms,
       forwarded_url, forwarded_ms, forwarded_error, injected
FROM request LEFT JOIN reply USING (number)
ORDER BY request.number;
