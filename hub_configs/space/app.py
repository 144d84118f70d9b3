"""The page as a Space of the Hugging Face Hub."""

from fakelocator_zoo.app import limits
from fakelocator_zoo.cli.serve import serve

# The Hub shows a Space in a frame of its own site.
limits.CONTENT_POLICY = limits.CONTENT_POLICY.replace(
    "frame-ancestors 'self'", "frame-ancestors https://huggingface.co"
)

if __name__ == "__main__":
    serve(host="0.0.0.0", port=7860, model=None)
