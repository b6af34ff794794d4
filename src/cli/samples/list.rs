//! The samples in the program: webhook bodies in each provider's documented shape, those of `fixtures/`. A provider
//! that signs with a private key has none: nobody else could sign them.

/// Provider, and the files of its directory with their texts.
pub(super) type OfProvider = (&'static str, &'static [(&'static str, &'static str)]);

/// Writes each path once.
macro_rules! samples {
    ($($provider:literal: $($file:literal)+;)+) => {
        &[$(($provider, &[$(($file, include_str!(concat!("../../../fixtures/", $provider, "/", $file)))),+])),+]
    };
}

/// In the order in which they are to be sent.
#[rustfmt::skip]
pub(super) const SAMPLES: &[OfProvider] = samples! {
    "adyen": "01-AUTHORISATION.json" "02-AUTHORISATION.json" "03-CAPTURE.json" "04-REFUND.json"
        "05-batch.json" "06-CANCELLATION.json" "07-NOTIFICATION_OF_CHARGEBACK.json" "08-CHARGEBACK.json"
        "09-SECOND_CHARGEBACK.json" "10-CAPTURE_FAILED.json" "11-REFUND_FAILED.json"
        "12-CANCEL_OR_REFUND.json" "13-REPORT_AVAILABLE.json" "14-CAPTURE.json"
        "15-CHARGEBACK_REVERSED.json" "16-CHARGEBACK_REVERSED.json";
    "adyen-platform": "01-transfer.json";
    "authorizenet": "01-authorization.created.json" "02-priorAuthCapture.created.json"
        "03-authcapture.created.json" "04-refund.created.json" "05-void.created.json"
        "06-authcapture.created.json" "07-fraud.held.json" "08-authcapture.created.json"
        "09-fraud.approved.json";
    "braintree": "01-transaction_settled.xml" "02-transaction_disbursed.xml"
        "03-transaction_settlement_declined.xml" "04-dispute_opened.xml" "05-transaction_settled.xml"
        "06-dispute_won.xml" "07-check.xml" "08-transaction_settled.xml" "09-transaction_settled.xml"
        "10-refund_failed.xml" "11-transaction_retried.xml";
    "btcpay": "01-InvoiceCreated.json" "02-InvoiceReceivedPayment.json" "03-InvoicePaymentSettled.json"
        "04-InvoicePaymentSettled.json" "05-InvoiceSettled.json" "06-InvoiceExpired.json"
        "07-InvoiceSettled.json" "08-InvoiceInvalid.json"
        "09-InvoiceRefund.json";
    "cashfree": "01-PAYMENT_SUCCESS_WEBHOOK.json" "02-PAYMENT_CHARGES_WEBHOOK.json"
        "03-PAYMENT_FAILED_WEBHOOK.json" "04-REFUND_STATUS_WEBHOOK.json" "05-PAYMENT_SUCCESS_WEBHOOK.json"
        "06-REFUND_STATUS_WEBHOOK.json" "07-PAYMENT_SUCCESS_WEBHOOK.json" "08-DISPUTE_CREATED.json"
        "09-DISPUTE_CLOSED.json" "10-AUTO_REFUND_STATUS_WEBHOOK.json"
        "11-SUBSCRIPTION_PAYMENT_SUCCESS.json"
        "12-SUBSCRIPTION_REFUND_STATUS.json"
        "13-SUBSCRIPTION_PAYMENT_FAILED.json"
        "14-SUBSCRIPTION_AUTH_STATUS.json";
    "checkout-com": "01-payment_approved.json" "02-payment_approved.json" "03-payment_captured.json"
        "04-payment_refunded.json" "05-payment_captured.json" "06-payment_declined.json"
        "07-payment_voided.json" "08-payment_captured.json" "09-dispute_received.json"
        "10-dispute_evidence_required.json" "11-dispute_lost.json" "12-payment_capture_declined.json"
        "13-payment_refund_pending.json" "14-card_updated.json" "15-payment_approved.json"
        "16-payment_captured.json"
        "17-payment_approved.json"
        "18-payment_authentication_failed.json"
        "19-request_for_information_received.json";
    "coinbase-business": "01-checkout.payment.success.json" "02-checkout.payment.failed.json"
        "03-checkout.payment.expired.json" "04-checkout.refund.success.json"
        "05-checkout.payment.success.json" "06-checkout.refund.success.json"
        "07-checkout.refund.success.json"
        "08-payment_session.authorization_succeeded.json"
        "09-payment_session.capture_succeeded.json"
        "10-payment_session.capture_succeeded.json"
        "11-payment_session.void_succeeded.json"
        "12-payment_session.refund_pending.json"
        "13-payment_session.refund_succeeded.json"
        "14-payment_session.authorization_failed.json"
        "15-payments.transfers.completed.json";
    "coinbase-commerce": "01-charge-created.json" "02-charge-pending.json" "03-charge-confirmed.json"
        "04-charge-resolved.json" "05-charge-failed.json" "06-charge-confirmed.json"
        "07-charge-resolved.json" "08-charge-failed.json" "09-charge-failed.json";
    "cybersource": "01-payments.captures.accept.json";
    "flutterwave-v3": "01-charge.completed.json";
    "flutterwave-v4": "01-charge.completed.json" "02-charge.completed.json" "03-charge.completed.json"
        "04-refund.completed.json" "05-chargeback.initiated.json";
    "github": "01-ping.json" "02-ping.form";
    "globalpayments": "01-SALE-INITIATED.json" "02-SALE-CAPTURED.json" "03-SALE-FUNDED.json"
        "04-SALE-PREAUTHORIZED.json" "05-SALE-DECLINED.json" "06-SALE-CAPTURED.json"
        "07-REFUND-CAPTURED.json"
        "08-SALE-BATCHED.json";
    "gocardless": "01-events.json";
    "lemonsqueezy": "01-order_created.json" "02-order_refunded.json" "03-order_refunded.json"
        "04-order_created.json" "05-subscription_payment_success.json"
        "06-subscription_payment_success.json" "07-subscription_cancelled.json"
        "08-subscription_payment_recovered.json";
    "mercadopago": "01-payment.updated.json";
    "midtrans": "01-settlement.json";
    "mollie": "01-payment-link.paid.json" "02-payment-link.paid.json" "03-payment-link.paid.json"
        "04-payment-link.paid.json" "05-payment.authorized.json" "06-capture.succeeded.json"
        "07-capture.succeeded.json" "08-payment.paid.json" "09-payment.paid.json" "10-refund.refunded.json"
        "11-chargeback.received.json" "12-payment.paid.json" "13-chargeback.reversed.json"
        "14-payment.failed.json" "15-payment.expired.json" "16-payment.paid.json" "17-refund.refunded.json"
        "18-refund.failed.json" "19-sales-invoice.paid.json";
    "nowpayments": "01-waiting.json" "02-finished.json" "03-partially_paid.json" "04-expired.json"
        "05-failed.json" "06-finished.json";
    "paddle": "01-transaction.paid.json" "02-transaction.completed.json" "03-adjustment.updated.json"
        "04-transaction.completed.json" "05-transaction.payment_failed.json" "06-transaction.canceled.json"
        "07-transaction.completed.json" "08-adjustment.created.json" "09-adjustment.created.json"
        "10-adjustment.created.json" "11-customer.created.json" "12-transaction.completed.json"
        "13-adjustment.created.json" "14-adjustment.created.json" "15-adjustment.created.json"
        "16-transaction.updated.json" "17-adjustment.created.json";
    "paystack": "01-charge.success.json" "02-charge.success.json" "03-refund.processed.json"
        "04-charge.failed.json" "05-charge.success.json" "06-charge.dispute.create.json"
        "07-charge.dispute.remind.json" "08-charge.dispute.resolve.json" "09-transfer.success.json"
        "10-refund.processed.json" "11-charge.success.json" "12-preauthorization.reserve.success.json"
        "13-preauthorization.capture.success.json" "14-charge.success.json"
        "15-preauthorization.reserve.success.json" "16-preauthorization.release.success.json"
        "17-invoice.update.json" "18-charge.success.json" "19-charge.dispute.resolve.json";
    "payu-eu": "01-PENDING.json" "02-COMPLETED.json" "03-WAITING_FOR_CONFIRMATION.json" "04-CANCELED.json"
        "05-refund-FINALIZED.json" "06-COMPLETED.json" "07-refund-CANCELED.json";
    "payu-india": "01-success.form" "02-failure.form" "03-pending.form" "04-success.form";
    "razorpay": "01-payment.authorized.json" "02-payment.captured.json" "03-order.paid.json"
        "04-refund.processed.json" "05-payment.captured.json" "06-payment.failed.json"
        "07-payment_link.paid.json" "08-payment.dispute.created.json" "09-payment.captured.json"
        "10-payment.dispute.lost.json" "11-refund.failed.json" "12-refund.processed.json"
        "13-payment.captured.json" "14-payment.downtime.started.json" "15-payment.authorized.json"
        "16-refund.processed.json" "17-payment.captured.json" "18-payment.dispute.created.json"
        "19-payment.dispute.won.json" "20-invoice.paid.json" "21-subscription.charged.json"
        "22-payment.captured.json" "23-virtual_account.credited.json" "24-qr_code.credited.json"
        "25-subscription.activated.json" "26-payment.captured.json" "27-payment.dispute.lost.json"
        "28-payment.dispute.closed.json" "29-settlement.processed.json"
        "30-payment.pending.json"
        "31-refund.speed_changed.json";
    "recurly": "01-charge_invoice.paid.json";
    "shopify": "01-orders-create.json" "02-orders-create.json" "03-order_transactions-create.json"
        "04-orders-paid.json" "05-order_transactions-create.json" "06-refunds-create.json"
        "07-orders-cancelled.json" "08-order_transactions-create.json" "09-orders-paid.json"
        "10-disputes-create.json" "11-refunds-create.json" "12-refunds-create.json" "13-refunds-create.json";
    "square": "01-payment.created.json" "02-payment.created.json" "03-payment.updated.json"
        "04-refund.updated.json" "05-payment.updated.json" "06-payment.updated.json"
        "07-payment.updated.json" "08-payment.updated.json" "09-dispute.created.json"
        "10-dispute.state.updated.json" "11-payment.updated.json" "12-refund.created.json"
        "13-refund.updated.json" "14-order.updated.json";
    "standard-webhooks": "01-invoice.paid.json" "02-contact.created.json" "03-order.paid.json"
        "04-payment.refunded.json" "05-payment.authorized.json" "06-payment.canceled.json"
        "07-payment.failed.json";
    "stripe": "01-payment_intent.created.json" "02-payment_intent.amount_capturable_updated.json"
        "03-payment_intent.succeeded.json" "04-charge.succeeded.json" "05-checkout.session.completed.json"
        "06-payment_intent.succeeded.json" "07-refund.created.json" "08-charge.refunded.json"
        "09-refund.created.json" "10-payment_intent.succeeded.json" "11-charge.dispute.created.json"
        "12-charge.succeeded.json" "13-payment_intent.succeeded.json" "14-charge.dispute.closed.json"
        "15-charge.dispute.funds_withdrawn.json" "16-payment_intent.payment_failed.json"
        "17-payment_intent.amount_capturable_updated.json" "18-payment_intent.canceled.json"
        "19-payment_intent.succeeded.json" "20-charge.succeeded.json" "21-charge.dispute.created.json"
        "22-charge.dispute.closed.json" "23-payment_intent.succeeded.json" "24-refund.created.json"
        "25-refund.failed.json" "26-charge.dispute.created.json" "27-charge.succeeded.json"
        "28-charge.captured.json" "29-customer.created.json";
    "svix": "01-invoice.paid.json" "02-contact.created.json" "03-order.paid.json" "04-payment.refunded.json"
        "05-payment.authorized.json" "06-payment.canceled.json" "07-payment.failed.json";
    "worldpay": "01-authorized.json" "02-authorized.json" "03-sentForSettlement.json" "04-settled.json"
        "05-refused.json" "06-cancelledByCustomer.json" "07-sentForRefund.json" "08-sentForSettlement.json"
        "09-refunded.json" "10-sentForSettlement.json" "11-sentForSettlement.json"
        "12-settled.json"
        "13-settlementFailed.json"
        "14-sentForSettlement.json"
        "15-chargedBack.json"
        "16-tokenCreated.json"
        "17-refused.json";
    "xendit": "01-payment.capture.json";
};
