//! The restaurant's menu and options, and their cache in Memcached.
