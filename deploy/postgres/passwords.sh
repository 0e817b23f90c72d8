#!/bin/sh
# The services' roles get their passwords, at each start anew, so that changing one is changing it in .env. Privileges
# come from roles.sql by `greenbite provision`. As the database's owner, whom PGUSER and PGPASSWORD name.
set -eu

sql() { psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 "$@"; }

if ! said=$(sql --command 'SELECT' 2>&1); then
    case $said in
        *"password authentication failed"*)
            echo "The database refuses GREENBITE_DATABASE_PASSWORD: it was made with another one, and keeps it whatever .env says. Put that one back." >&2
            ;;
        *) echo "$said" >&2 ;;
    esac
    exit 1
fi

for role in ingest classifier extractor menu_validator registrar answerer notifier replier dashboard operator; do
    variable="GREENBITE_DATABASE_PASSWORD_$(echo "$role" | tr '[:lower:]' '[:upper:]')"
    eval "password=\${$variable:?}"
    sql --set role="greenbite_$role" --set password="$password" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN PASSWORD :'password';
SQL
done
