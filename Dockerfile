# The server as an image. The project's tests do not build it: where they run, no image can be
# pulled.
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
# curl is for health checks inside the container.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /data --no-create-home countersign \
    && install --directory --mode=0700 --owner=countersign --group=countersign /data
COPY --from=build /source/target/release/countersign /usr/local/bin/countersign
USER countersign
WORKDIR /data
VOLUME /data
EXPOSE 4443
ENTRYPOINT ["countersign"]
CMD ["serve", "--data-dir", "/data", "--listen", "0.0.0.0:4443"]
