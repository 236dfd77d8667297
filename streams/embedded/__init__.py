"""The embedded stack: Apache Kafka and ClickHouse as child processes of one command, without containers.

`streams.embedded.stack.running_stack` starts and stops them; everything else here serves it:

- `settings`: what can be set, by environment variable;
- `java`, `kafka_jars`, `kafka`: a Java, the locked jars, a single-node KRaft broker;
- `gateway` (with `gateway_request`, `gateway_guard`, `gateway_engine`): the ClickHouse engine behind its HTTP interface;
- `processes`: children that are watched, logged and ended, also those that an earlier run left behind.

All of it listens on the loopback address only, and keeps what it makes in two folders that the caller names: one for
data and logs, one for downloads.
"""
