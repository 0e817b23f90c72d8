#!/bin/sh
# Creates the services' roles with their passwords. The image of PostgreSQL runs it once, when it sets the
# database up; privileges come from roles.sql by `greenbite provision`.
set -eu

for role in ingest classifier extractor menu_validator registrar notifier dashboard operator; do
    variable="GREENBITE_DATABASE_PASSWORD_$(echo "$role" | tr '[:lower:]' '[:upper:]')"
    eval "password=\${$variable:?}"
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
        --set role="greenbite_$role" --set password="$password" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
SQL
done
