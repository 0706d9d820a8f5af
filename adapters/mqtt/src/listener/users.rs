//! Who may sign in, and for which sources each may speak.

use std::collections::HashMap;
use std::sync::Arc;

use super::config::User;
use crate::MqttError;
use crate::throttle::{Gate, Rate};

/// The users of a listener, prepared.
pub(super) struct Users {
    by_name: HashMap<String, Arc<Known>>,
    by_certificate: HashMap<String, Arc<Known>>,
    /// A true hash to spend time on for users that don't exist, so that time doesn't tell them apart.
    pub(super) decoy_hash: Option<String>,
}

/// One user.
pub(super) struct Known {
    pub(super) name: String,
    pub(super) password_hash: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) sources: HashMap<String, Arc<Gate>>,
    /// The gate of messages that name none of its sources.
    pub(super) stray: Arc<Gate>,
}

impl Users {
    pub(super) fn new(users: &[User], rate: Rate, has_tls: bool) -> Result<Self, MqttError> {
        let mut gates: HashMap<&str, Arc<Gate>> = HashMap::new();
        let mut by_name = HashMap::new();
        let mut by_certificate = HashMap::new();
        for user in users {
            check(user, has_tls)?;
            let sources = user.sources.iter().map(|source| {
                let gate = gates.entry(source).or_insert_with(|| Arc::new(Gate::new(source, rate)));
                (source.clone(), Arc::clone(gate))
            });
            let known = Arc::new(Known {
                name: user.name.clone(),
                password_hash: user.password_hash.clone(),
                certificate: user.certificate.clone(),
                sources: sources.collect(),
                stray: Arc::new(Gate::new(format!("user:{}", user.name), rate)),
            });
            if by_name.insert(user.name.clone(), Arc::clone(&known)).is_some() {
                return Err(wrong(user, "stands twice"));
            }
            if let Some(certificate) = &user.certificate
                && by_certificate.insert(certificate.clone(), known).is_some()
            {
                return Err(wrong(user, "its certificate belongs to another user already"));
            }
        }
        let decoy_hash = users.iter().find_map(|user| user.password_hash.clone());
        Ok(Self { by_name, by_certificate, decoy_hash })
    }

    pub(super) fn named(&self, name: &str) -> Option<&Arc<Known>> {
        self.by_name.get(name)
    }

    /// The user whose certificate carries one of `names`.
    pub(super) fn certified(&self, names: &[String]) -> Option<&Arc<Known>> {
        names.iter().find_map(|name| self.by_certificate.get(name))
    }
}

fn check(user: &User, has_tls: bool) -> Result<(), MqttError> {
    if user.name.is_empty() {
        return Err(wrong(user, "a user needs a name"));
    }
    if user.password_hash.is_none() && user.certificate.is_none() {
        return Err(wrong(user, "has neither a password nor a certificate: give it one"));
    }
    if user.certificate.is_some() && !has_tls {
        return Err(wrong(user, "has a certificate, but this listener has no TLS"));
    }
    if let Some(source) = user.sources.iter().find(|source| source.is_empty() || source.contains(['/', '+', '#'])) {
        return Err(wrong(user, &format!("source {source:?} can't stand in a topic: no empty one, no / + #")));
    }
    Ok(())
}

fn wrong(user: &User, what: &str) -> MqttError {
    MqttError::User { user: user.name.clone(), what: what.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn user(name: &str) -> User {
        User {
            name: name.to_owned(),
            password_hash: Some("hash".to_owned()),
            certificate: None,
            sources: vec!["panel-1".to_owned()],
        }
    }

    #[test]
    fn users_that_do_not_fit_are_refused_by_name() {
        let refused = |users: &[User]| Users::new(users, Rate::default(), false).err().map(|e| e.to_string());
        assert_eq!(refused(&[user("a")]), None);
        let twice = refused(&[user("a"), user("a")]).unwrap();
        assert!(twice.contains("\"a\"") && twice.contains("twice"), "{twice}");
        let open = refused(&[User { password_hash: None, ..user("b") }]).unwrap();
        assert!(open.contains("neither a password nor a certificate"), "{open}");
        let plain = refused(&[User { certificate: Some("dev".to_owned()), ..user("c") }]).unwrap();
        assert!(plain.contains("no TLS"), "{plain}");
        let wild = refused(&[User { sources: vec!["#".to_owned()], ..user("d") }]).unwrap();
        assert!(wild.contains("\"#\""), "{wild}");
    }

    #[test]
    fn one_source_of_two_users_has_one_rate() {
        let users = Users::new(&[user("a"), user("b")], Rate::default(), false).unwrap();
        let gate = |name: &str| Arc::clone(&users.named(name).unwrap().sources["panel-1"]);
        assert!(Arc::ptr_eq(&gate("a"), &gate("b")));
    }
}
