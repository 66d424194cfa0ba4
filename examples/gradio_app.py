"""The studio in a few lines of Gradio, for a Space or a notebook: pip install captiongan gradio."""

import gradio as gr

import captiongan

PIPELINES = {name: captiongan.load(name) for name in captiongan.bundles()}


def draw(prompt: str, bundle: str, n: int, seed: int, truncation: float) -> list[tuple]:
    """Return the pictures with their seeds under them."""
    try:
        pictures = PIPELINES[bundle].generate(prompt, int(n), int(seed), truncation)
    except captiongan.CaptionganError as error:
        raise gr.Error(str(error)) from error
    return [(picture.image, f"seed {picture.seed}") for picture in pictures]


app = gr.Interface(
    draw,
    [
        gr.Textbox("a yellow flower with pointed petals", label="Prompt"),
        gr.Dropdown(list(PIPELINES), value="flowers", label="Bundle"),
        gr.Slider(1, 64, 16, step=1, label="Pictures"),
        gr.Number(7, precision=0, label="Seed"),
        gr.Slider(0.1, 1.0, 1.0, label="Truncation"),
    ],
    gr.Gallery(label="Pictures", columns=4),
    title="captiongan",
)

if __name__ == "__main__":
    app.launch()
