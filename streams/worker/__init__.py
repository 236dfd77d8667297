"""The worker: batches of the input topics in, committed rows out, exactly once.

- `running`: what `credits worker` does; `app`: the composition root; `agents`: what is read first;
- `transport`: Faust's consumer, changed to pull whole batches by position; `batches`: the proof that nothing is missing;
- `partitions`: which partition numbers are held; `partition`: the work on one, from fencing to closing; `opening`: its state,
  brought up to date; `partition_state`: what was applied and not yet committed;
- `store`, `state_folder`: what lies on this worker's disk; `changelog`: reading back what was committed; `worker_keys`: what a
  worker remembers beside the books;
- `tables`: what the agents keep, to be read; `clock`: says the time; `watch`, `lag`, `web`: what a worker tells of itself.
"""
