"""What is overridden in Faust and used of aiokafka beyond their public interfaces is still what it was read as.

The versions are pinned; whoever raises one reads the sources anew, and this test says where.
"""

import inspect
from importlib.metadata import version

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import Assignment, SubscriptionState, TopicPartitionState
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.producer.sender import Sender
from faust.app.base import App, BootStrategy
from faust.assignor.partition_assignor import PartitionAssignor
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import aiokafka as driver
from faust.worker import Worker

PINNED = {"faust-streaming": "0.15.3", "mode-streaming": "0.6.0", "aiokafka": "0.14.0"}

SIGNATURES = {
    App._new_transport: "(self)",
    App._new_producer_transport: "(self)",
    App._create_directories: "(self)",
    BootStrategy.web_server: "(self)",
    App._on_partitions_assigned: "(self, assigned, generation_id=0)",
    App._on_partitions_revoked: "(self, revoked)",
    PartitionAssignor._get_copartitioned_groups: "(topics, cluster, subscriptions)",
    driver.AIOKafkaConsumerThread._create_worker_consumer: "(self, transport)",
    driver.AIOKafkaConsumerThread._ensure_consumer: "(self)",
    driver.Consumer._new_consumer_thread: "(self)",
    driver.Consumer.verify_event_path: "(self, now, tp)",
    driver.Transport.__init__: "(self, *args, **kwargs)",
    driver.server_list: "(urls, default_port)",
    faust_consumer.Consumer._drain_messages: "(self, fetcher)",
    faust_consumer.Consumer.commit: "(self, topics=None, start_new_transaction=True)",
    faust_consumer.Consumer.perform_seek: "(self)",
    AIOKafkaConsumer.getmany: "(self, *partitions, timeout_ms=0, max_records=None)",
    Fetcher._create_fetch_waiter: "(self)",
    Fetcher.fetched_records: "(self, partitions, timeout=0, max_records=None)",
    SubscriptionState.fetch_context: "(self)",
    Assignment.state_value: "(self, tp)",
    AIOKafkaProducer.send_batch: "(self, batch, topic, *, partition)",
    Sender.close: "(self)",
    AIOKafkaClient.fetch_all_metadata: "(self)",
    BatchBuilder.append: "(self, *, timestamp, key, value, headers=[])",
}


@pytest.mark.parametrize("package", PINNED)
def test_versions_are_those_whose_sources_were_read(package):
    """The lock gives exactly these."""
    assert version(package) == PINNED[package]


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda function: function.__qualname__)
def test_signatures_are_those_that_are_overridden_or_used(function):
    """Names, order and defaults of the parameters."""
    signature = inspect.signature(function)
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    assert str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty)) == SIGNATURES[function]


def test_attributes_that_are_used_are_there():
    """Properties and switches without a signature."""
    assert isinstance(TopicPartitionState.has_valid_position, property)
    assert isinstance(TopicPartitionState.position, property)
    assert isinstance(SubscriptionState.reassignment_in_progress, property)
    assert isinstance(SubscriptionState.subscription, property)
    assert {"enable_kafka_producer", "enable_web"} <= set(dir(BootStrategy))
    assert "spinner" in Worker.__annotations__


def test_a_fetch_without_waiting_has_no_point_at_which_a_seek_could_come_between():
    """`fetched_records` awaits nothing before it returns, unless a reassignment is in progress, which is looked at first."""
    source = inspect.getsource(Fetcher.fetched_records)
    before_return = source[: source.index("if drained or not timeout:")]
    assert before_return.count("await ") == 1
    assert "if self._subscriptions.reassignment_in_progress:\n                await" in before_return
