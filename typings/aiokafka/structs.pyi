from aiokafka import ConsumerRecord as ConsumerRecord
from aiokafka import OffsetAndMetadata as OffsetAndMetadata
from aiokafka import OffsetAndTimestamp as OffsetAndTimestamp
from aiokafka import RecordMetadata as RecordMetadata
from aiokafka import TopicPartition as TopicPartition
