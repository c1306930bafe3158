-- The tables of layout 1, with a row in each.
CREATE TABLE job (
  name TEXT PRIMARY KEY, identity TEXT NOT NULL, clock INTEGER NOT NULL DEFAULT 0, range_end TEXT
) WITHOUT ROWID;
CREATE TABLE read (
  job TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, read_at INTEGER NOT NULL,
  PRIMARY KEY (job, start)
) WITHOUT ROWID;
CREATE TABLE gap (
  job TEXT NOT NULL, partition TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
  since INTEGER NOT NULL, kind TEXT NOT NULL, error TEXT NOT NULL, attempts INTEGER NOT NULL,
  next_try INTEGER NOT NULL, lost INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job, partition, start)
) WITHOUT ROWID;
CREATE TABLE partition (
  job TEXT NOT NULL, id TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
  PRIMARY KEY (job, id)
) WITHOUT ROWID;
CREATE TABLE lateness (
  job TEXT NOT NULL, age INTEGER NOT NULL, tokens REAL NOT NULL, PRIMARY KEY (job, age)
) WITHOUT ROWID;
CREATE TABLE counter (
  job TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (job, name)
) WITHOUT ROWID;
CREATE TABLE memory (
  job TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, key)
) WITHOUT ROWID;
CREATE TABLE admitted (
  job TEXT NOT NULL, tag TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, tag, value)
) WITHOUT ROWID;
CREATE TABLE spool (
  job TEXT NOT NULL, time INTEGER NOT NULL, series TEXT NOT NULL, end INTEGER NOT NULL, line TEXT NOT NULL,
  PRIMARY KEY (job, time, series)
) WITHOUT ROWID;
CREATE INDEX spool_by_time ON spool (time);
CREATE TABLE known (
  job TEXT NOT NULL, time INTEGER NOT NULL, series TEXT NOT NULL, fields TEXT NOT NULL,
  PRIMARY KEY (job, time, series)
) WITHOUT ROWID;
CREATE TABLE share (
  job TEXT NOT NULL, time INTEGER NOT NULL, series TEXT NOT NULL, folded TEXT NOT NULL, fields TEXT NOT NULL,
  PRIMARY KEY (job, time, series)
) WITHOUT ROWID;
CREATE TABLE slot (host TEXT PRIMARY KEY, next_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE reconciliation (
  job TEXT NOT NULL, at INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
  provider TEXT NOT NULL, stored TEXT NOT NULL, differences INTEGER NOT NULL,
  PRIMARY KEY (job, at, start)
) WITHOUT ROWID;
INSERT INTO job VALUES ('a', '{"store":"sqlite:/data/usage.sqlite"}', 1000, 'inclusive');
INSERT INTO read VALUES ('a', 0, 3600, 7200);
INSERT INTO gap VALUES
  ('a', 'user:ann', 0, 3600, 5, 'bad_answer', 'no rows', 2, 9000, 0),
  ('a', '*', 3600, 7200, 6, 'too_slow', 'time-out', 1, 9000, 1);
INSERT INTO partition VALUES ('a', 'user:ann', 100, 200);
INSERT INTO lateness VALUES ('a', 600, 12.0);
INSERT INTO counter VALUES ('a', 'revisions', 3), ('a', 'disagreements', 4);
INSERT INTO memory VALUES ('a', 'discovered', '200');
INSERT INTO admitted VALUES ('a', 'user', 'ann');
INSERT INTO spool VALUES ('a', 0, 's', 3600, 'line');
INSERT INTO known VALUES
  ('a', 0, 'model' || char(1) || 'm' || char(2) || 'user' || char(1) || 'ann' || char(2), '9223372036854775807,5,,,,1,2,,');
INSERT INTO share VALUES
  ('a', 0, 'user' || char(1) || 'ann' || char(2), 'user' || char(1) || '__other__' || char(2), '5,,,,,,,,');
INSERT INTO slot VALUES ('host', 6000.0);
INSERT INTO lease VALUES ('job a', 'run 1');
INSERT INTO reconciliation VALUES ('a', 10, 0, 5, '9007199254740993', '7', 1);
PRAGMA user_version = 1;
