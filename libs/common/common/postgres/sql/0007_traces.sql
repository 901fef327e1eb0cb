-- The trace that a deadline goes on with: null where the chain that set it is not sampled, which costs nothing.
alter table deadlines add column traceparent text;
