// Package config owns the settings: one table (table.go) says each one's name,
// default, meaning and check. Loading, the README's table, the command
// "inkstone config" and the check at start all come from it.
//
// A value comes from the environment, else from the NAME_FILE twin of a secret,
// else from .env in the working folder, else it is the default. A variable that
// is set but empty counts as absent, but for LOG_DIR.
package config
