//! The definitions that come with the program.

/// Name and text of every file in `providers/`.
pub(super) const DEFINITIONS: &[(&str, &str)] = &[
    ("adyen", include_str!("../../providers/adyen.toml")),
    ("adyen-platform", include_str!("../../providers/adyen-platform.toml")),
    ("authorizenet", include_str!("../../providers/authorizenet.toml")),
    ("braintree", include_str!("../../providers/braintree.toml")),
    ("checkout-com", include_str!("../../providers/checkout-com.toml")),
    ("coinbase-commerce", include_str!("../../providers/coinbase-commerce.toml")),
    ("flutterwave-v3", include_str!("../../providers/flutterwave-v3.toml")),
    ("flutterwave-v4", include_str!("../../providers/flutterwave-v4.toml")),
    ("gocardless", include_str!("../../providers/gocardless.toml")),
    ("lemonsqueezy", include_str!("../../providers/lemonsqueezy.toml")),
    ("mercadopago", include_str!("../../providers/mercadopago.toml")),
    ("midtrans", include_str!("../../providers/midtrans.toml")),
    ("mollie", include_str!("../../providers/mollie.toml")),
    ("paddle", include_str!("../../providers/paddle.toml")),
    ("paypal", include_str!("../../providers/paypal.toml")),
    ("paystack", include_str!("../../providers/paystack.toml")),
    ("razorpay", include_str!("../../providers/razorpay.toml")),
    ("shopify", include_str!("../../providers/shopify.toml")),
    ("square", include_str!("../../providers/square.toml")),
    ("standard-webhooks", include_str!("../../providers/standard-webhooks.toml")),
    ("stripe", include_str!("../../providers/stripe.toml")),
    ("svix", include_str!("../../providers/svix.toml")),
    ("worldpay", include_str!("../../providers/worldpay.toml")),
    ("xendit", include_str!("../../providers/xendit.toml")),
];
