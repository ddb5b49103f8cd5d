# A static msgctl that runs as nobody: docker build -t msgctl . && docker run --rm msgctl --help
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /msgctl .

FROM scratch
# TLS to brokers with a public certificate needs the well-known authorities.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /msgctl /msgctl
USER 65534:65534
WORKDIR /topology
ENTRYPOINT ["/msgctl"]
