"""What speaks to Kafka, for worker, sink and commands alike: topics, messages, transactions, emission, dumps, waiting."""
