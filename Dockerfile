# The runtime alone: no PyTorch, nobody's root.
FROM python:3.12-slim

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN pip install --no-cache-dir -c constraints.txt '.[serve]' \
    && useradd --system --no-create-home --uid 10001 captiongan

USER 10001
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
ENTRYPOINT ["captiongan", "serve"]
CMD ["--host", "0.0.0.0"]
