# syntax=docker/dockerfile:1
# Two stages: the first compiles, the second holds the program, certificate authorities and the shipped policy.

FROM docker.io/library/rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake make g++ \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY benches benches
COPY tests/suite tests/suite
COPY policies policies
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --no-default-features --bin vneid-gate \
 && cp target/release/vneid-gate /vneid-gate

FROM docker.io/library/debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && groupadd --gid 10001 vneid-gate \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin vneid-gate
COPY --from=build /vneid-gate /usr/local/bin/vneid-gate
COPY policies/daknong /etc/vneid-gate/policy
# In numbers, so that an orchestrator can tell that it is not root.
USER 10001:10001
# 8080: citizens. 9180: /metrics /livez /readyz /status; the shipped policy keeps it on the loopback of the container.
EXPOSE 8080 9180
STOPSIGNAL SIGTERM
ENTRYPOINT ["vneid-gate"]
CMD ["run", "/etc/vneid-gate/policy"]
