-- Submits go their own way to the other party, so that a backlog of them delays no start and no kill.
ALTER TABLE outbox ADD COLUMN IF NOT EXISTS bulk TINYINT NOT NULL DEFAULT 0 COMMENT '1: a submit; the others never wait behind it'
  AFTER kind;
UPDATE outbox SET bulk = 1 WHERE kind = 'submit';
ALTER TABLE outbox ADD KEY IF NOT EXISTS outbox_due (peer, bulk, next_at);
ALTER TABLE outbox DROP KEY IF EXISTS outbox_peer;
