from captiongan.draw.pipeline import Pipeline
from captiongan.page.page import page_file
from captiongan.web.access import Access
from support.web_server import asking


def test_the_server_gives_the_page_of_an_open_bundle_to_be_saved(pipeline: Pipeline) -> None:
    with asking([pipeline]) as client:
        answer = client.get("/v1/page/tiny")
        assert answer.content == page_file([pipeline])
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("attachment")
        refused = client.get("/v1/page/fish")
        assert refused.status_code == 404
        assert "'fish' is not open" in refused.json()["error"]["message"]


def test_the_page_needs_the_token_of_the_server(pipeline: Pipeline) -> None:
    with asking([pipeline], access=Access(token="open-sesame")) as client:
        assert client.get("/v1/page/tiny").status_code == 401
