"""How it moves: Kafka, Faust, ClickHouse, files and the command line around the pure core."""
