# `just` lists what there is; each recipe calls what a person without just would type.

[private]
default:
    @just --list --unsorted

# The whole line on this machine, with private servers; `just demo --keep` leaves it running.
demo *arguments:
    cargo xtask demo {{arguments}}

# The operator's command against the running demo: `just gb journey 42`.
gb *arguments:
    target/debug/greenbite --config .local/demo/greenbite.toml {{arguments}}

# All tests, against private servers; `just test -p store` for one crate's.
test *arguments:
    cargo xtask test {{ if arguments == "" { "" } else { "-- " + arguments } }}

# What CI runs.
ci:
    bash .ci/run

# Formats the code.
fmt:
    cargo fmt

# Formatting, warnings, stale generated files, licences and sources of dependencies.
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo xtask generate --check
    cargo xtask deny

# Load and latency of the whole line.
bench *arguments:
    cargo xtask bench {{arguments}}

# Faults at random, drawn from a seed.
chaos *arguments:
    cargo xtask chaos {{arguments}}

# What the compiler checks queries against without a database; after each change of a query or a migration.
sqlx-prepare *arguments:
    cargo xtask sqlx-prepare {{arguments}}

# The reader's weights, from the labelled messages in data/restaurants.
train *arguments:
    cargo xtask train {{arguments}}

# Files that are made from the code: users of the bus, the README's table.
generate:
    cargo xtask generate

# The line in containers; first `deploy/passwords`; `just up --scale classifier=3` scales a station.
up *arguments:
    docker compose up --build --detach --wait {{arguments}}

# The line in containers, from the image to `down -v`; needs a Docker engine.
compose-test *arguments:
    cargo xtask compose-test {{arguments}}
