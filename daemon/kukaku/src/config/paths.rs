//! Paths in the configuration start at its folder.

use std::path::{Path, PathBuf};

use kukaku_notify::AlertsConfig;

use super::Config;

/// Puts `folder` before every path that is not absolute.
pub(super) fn start_at(config: &mut Config, folder: &Path) {
    let place = |path: &mut PathBuf| {
        if path.is_relative() {
            *path = folder.join(&*path);
        }
    };
    if let Some(tls) = &mut config.web.tls {
        place(&mut tls.certificate);
        place(&mut tls.key);
    }
    if let Some(backup) = &mut config.backup {
        place(&mut backup.folder);
    }
    config.links_paths().into_iter().for_each(place);
    config.witness.iter_mut().filter_map(|witness| witness.ca_file.as_mut()).for_each(place);
    let sent = config.syslog.iter_mut().flat_map(|port| &mut port.source).map(|source| &mut source.dialect);
    for dialect in sent.chain(config.web.log.iter_mut().map(|log| &mut log.dialect)) {
        if dialect.ends_with(crate::dialects::FILE_ENDING) && Path::new(dialect).is_relative() {
            *dialect = folder.join(&*dialect).display().to_string();
        }
    }
    alert_paths(&mut config.alerts).into_iter().for_each(place);
}

fn alert_paths(alerts: &mut AlertsConfig) -> Vec<&mut PathBuf> {
    let mut paths = Vec::new();
    for mail in &mut alerts.mail {
        paths.extend(mail.ca_file.as_mut());
        paths.extend(mail.account.as_mut().map(|account| &mut account.password_file));
    }
    for webhook in &mut alerts.webhook {
        paths.push(&mut webhook.key_file);
        paths.extend(webhook.ca_file.as_mut());
    }
    for mqtt in &mut alerts.mqtt {
        paths.extend(mqtt.ca_file.as_mut());
        paths.extend(mqtt.account.as_mut().map(|account| &mut account.password_file));
    }
    for syslog in &mut alerts.syslog {
        paths.extend(syslog.ca_file.as_mut());
    }
    paths
}
