//! Pages and API over the store's queries and the daemon's commands.
