//! Where a server listens, as flags of the commands that serve.

use clap::Args;

use crate::config::Flag;

/// Where to listen.
#[derive(Args)]
pub(super) struct Listen {
    /// Where webhooks are taken [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where the dashboard, the API and metrics are [default: 127.0.0.1:8081].
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
}

impl Listen {
    /// The same as settings.
    pub(super) fn flags(&self) -> impl Iterator<Item = Flag> {
        let flag = |setting: &str, value: &Option<String>, written| {
            Some(Flag { setting: setting.to_owned(), value: value.clone()?, written })
        };
        let flags = [
            flag("listen", &self.listen, "--listen"),
            flag("admin_listen", &self.admin_listen, "--admin-listen"),
        ];
        flags.into_iter().flatten()
    }
}
