"""`python -m notifications`: run the service."""

from common.runtime import main
from notifications.service import SERVICE
from notifications.settings import NotificationSettings

main(SERVICE, NotificationSettings)
