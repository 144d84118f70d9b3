# The page on a CPU, from the wheel: python -m build --wheel && docker build --tag fakelocator .
FROM python:3.12-slim-bookworm

# OpenCV, which finds faces, needs both.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

# pip reads it: the address of torch's CPU builds, which are much smaller than the default ones.
ARG PIP_EXTRA_INDEX_URL
COPY dist/fakelocator_zoo-*.whl /tmp/
RUN pip install --no-cache-dir "$(ls /tmp/fakelocator_zoo-*.whl)[app]" && rm /tmp/fakelocator_zoo-*.whl

RUN useradd --create-home page
USER page
WORKDIR /home/page
ENV HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
EXPOSE 7860
CMD ["fakelocator", "serve", "--host", "0.0.0.0"]
