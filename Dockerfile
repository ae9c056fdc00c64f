# Look:  docker build -t llmgateway . && docker run --rm -it llmgateway demo
# Run:   docker run -p 8080:8080 -v $PWD/config.toml:/etc/llmgateway/config.toml:ro -v llmgateway-data:/data \
#        --env-file secrets.env --stop-timeout 660 llmgateway
# The configuration has to listen on 0.0.0.0 (and so to have [keys]) and to keep its data in /data; docs/OPERATIONS.md.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/llmgateway && /opt/llmgateway/bin/pip install --no-cache-dir .

FROM python:3.12-slim
RUN useradd --system --create-home --uid 10001 llmgateway && install -d -o llmgateway -m 700 /data
COPY --from=build /opt/llmgateway /opt/llmgateway
ENV PATH=/opt/llmgateway/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
VOLUME /data
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
ENTRYPOINT ["llmgateway"]
CMD ["serve", "--config", "/etc/llmgateway/config.toml"]
