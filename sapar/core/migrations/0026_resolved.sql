-- What finance has resolved with a posting, for the control that nothing of it is posted as well.

-- Few rows of the queue have a journal: the index is built in one pass over it.
CREATE INDEX ticketing_exception_resolved ON ticketing_exception (agency_id, tap_no)
    WHERE journal_no IS NOT NULL;
