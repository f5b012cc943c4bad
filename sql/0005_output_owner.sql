-- An output is replaced by its own owner's jobs only: two parties' users do not overwrite each other's files.
ALTER TABLE output COMMENT = 'what was published where: an output replaces only an earlier output of the same owner';
