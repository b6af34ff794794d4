# Two stages: the compiler stays behind; the result is one binary on a small base, without a shell.
FROM rust:1.95-bookworm AS build
# Such as "otlp tls zookeeper": docker build --build-arg FEATURES=otlp .
ARG FEATURES=
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --features "$FEATURES" && cp target/release/paylatch /paylatch

# glibc and little else: the public certificate authorities are in the program; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12
COPY --from=build /paylatch /usr/local/bin/paylatch
# A number, so that `runAsNonRoot` can be checked. Nothing is written to disk: a read-only root works.
USER 65532:65532
# Inside a container the listeners must be reached from outside it. The admin listener then wants a token.
ENV PAYLATCH_LISTEN=0.0.0.0:8080
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/usr/local/bin/paylatch", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/paylatch"]
CMD ["serve"]
