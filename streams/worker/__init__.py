"""The worker: batches of the input topics in, committed rows out, exactly once.

- `running`: what `credits worker` does; `app`: the composition root; `agents`: what is read first;
- `transport`: Faust's consumer, changed to pull whole batches by position; `batches`: the proof that nothing is missing;
- `partitions`: which partition numbers are held; `partition`: the work on one, from fencing to closing;
- `partition_state`: what was applied and not yet committed; `changelog`: reading back what was committed;
- `worker_keys`: what a worker remembers beside the books.
"""
