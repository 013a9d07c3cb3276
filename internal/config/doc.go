// Package config owns the settings: one table (table.go) says each one's name,
// default, meaning and check. Loading, the README's table, the command
// "inkstone config" and the check at start all come from it.
//
// A value comes from the environment, else from .env in the working folder, else
// it is the default; in both a secret may be given by its NAME_FILE twin. A variable
// that is set but empty counts as absent, but for LOG_DIR.
package config
