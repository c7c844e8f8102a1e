"""Amazon SNS: subscriptions that are confirmed, and notifications that are sent.

moto keeps topics and subscriptions; it confirms every subscription by itself and sends no mail.
"""
