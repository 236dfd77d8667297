"""The embedded stack: Apache Kafka and ClickHouse as child processes of one command, without containers.

`streams.embedded.stack.running_stack` starts and stops them; everything else here serves it, or goes on from it:

- `settings`: what can be set, by environment variable or file;
- `java`, `kafka_jars` (with `kafka_download`), `kafka`: a Java, the locked jars, a single-node KRaft broker;
- `gateway` (with `gateway_request`, `gateway_guard`, `gateway_engine`): the ClickHouse engine behind its HTTP interface;
- `processes` (with `folder_lock`, `identity`, `kept_files`, `signals`): children that are watched, logged and ended,
  also those that an earlier run left behind;
- `elsewhere`, `services`: a Kafka or a ClickHouse that is there already, and workers and sink beside them;
- `supervisor`, `state`, `health`, `detached`: starting again what ends, and what an outsider sees of it.

All of it listens on the loopback address unless a setting says otherwise, and keeps what it makes in two folders that the
caller names: one for data and logs, one for downloads.
"""
