"""What a watcher is told of a run."""

from lic_lab.training.progress import PICTURES, Progress


def test_the_line_for_a_progress_bar_holds_what_the_model_adds_too():
    now = Progress(loss=1.25, bpp=0.5, psnr=30.0, speed=8.0, terms={"post_filter": 0.25})
    assert now.text == "loss 1.250  0.500 bpp  30.00 dB  post_filter 0.25  8.0 crops/s"


def test_the_first_validation_on_other_pictures_is_known_by_its_number():
    rows = [{"step": step} for step in (10, 20, 30, 40)]
    legs = [{"step": 15, "lr": [1e-3, 5e-4]}, {"step": 20, PICTURES: ["a", "b"]}]
    assert Progress(history=rows, legs=legs).turns == [2]
    assert Progress(history=rows, legs=legs[:1]).turns == []
