-- The trace that the mail of a message goes on with: null where the chain of its fact is not sampled.
alter table messages_to_send add column traceparent text;
