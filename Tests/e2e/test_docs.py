"""/docs in a browser: Debian's Chromium, driven by playwright."""
import shutil

import pytest
from playwright.sync_api import Error, expect, sync_playwright

from support import hub as hubs
from support import rest
from support.hub import binary

CHROMIUM = "/usr/bin/chromium-headless-shell"
LOAD_MILLISECONDS = 30_000


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not run as root, which tests in a container are.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page that must stay without complaints: errors of scripts, what the policy refuses, what cannot be loaded."""
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.set_default_timeout(LOAD_MILLISECONDS)
    complaints = []
    page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    yield page
    context.close()
    assert complaints == []


def address(hub, path):
    return f"https://localhost:{hub.ports['https']}{path}"


def test_the_page_lists_every_operation(hub, page):
    page.goto(address(hub, "/docs"))
    document = rest.request(hub, "GET", "/openapi.json").json
    operations = sum(len(calls) for calls in document["paths"].values())
    expect(page.locator(".opblock")).to_have_count(operations, timeout=LOAD_MILLISECONDS)
    expect(page.locator(".opblock-tag")).to_have_count(len(document["tags"]))
    expect(page.get_by_text("Sign up", exact=True)).to_be_visible()


def test_a_call_can_be_tried_out(hub, page):
    """With a token, through the page to the hub and back."""
    user = rest.sign_up(hub, "tried")
    page.goto(address(hub, "/docs"))
    page.locator(".btn.authorize").click()
    page.locator(".modal-ux input").fill(user.token)
    page.locator(".modal-ux .btn.authorize").click()
    page.locator(".modal-ux .btn-done").click()
    call = page.locator("#operations-Users-getProfile")
    call.locator(".opblock-summary-control").click()
    call.locator(".try-out__btn").click()
    call.locator(".execute").click()
    answer = call.locator(".live-responses-table tbody")
    expect(answer.locator(".response-col_status")).to_contain_text("200", timeout=LOAD_MILLISECONDS)
    expect(answer.locator(".response-col_description")).to_contain_text(user.name)


def test_the_policy_lets_nothing_else_run(hub, browser):
    """A script that somebody smuggled into the page would not run, and nothing would be sent elsewhere."""
    page = browser.new_page(ignore_https_errors=True)
    answer = page.goto(address(hub, "/docs"))
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    with pytest.raises(Error, match="Content Security Policy"):
        page.add_script_tag(content="window.smuggled = 1")
    assert page.evaluate("window.smuggled") is None
    violated = page.evaluate("""new Promise(resolve => {
        addEventListener("securitypolicyviolation", event => resolve(event.effectiveDirective))
        fetch("https://127.0.0.1:1/").catch(() => {})
    })""")
    assert violated == "connect-src"
    page.close()


def test_a_hub_without_swagger_ui_says_so(make_hub, page, monkeypatch):
    """A program that was copied elsewhere; the links lead to the documents."""
    program = hubs.temporary_folder() / "bin" / "confab"
    program.parent.mkdir()
    shutil.copy(binary(), program)
    monkeypatch.setenv("CONFAB_BINARY", str(program))
    try:
        hub = make_hub().start()
        page.goto(address(hub, "/docs"))
        expect(page.get_by_text("tools/setup.sh run")).to_be_visible()
        for name, field in (("OpenAPI document of the HTTP API", "openapi"), ("AsyncAPI document of MQTT", "asyncapi")):
            link = page.get_by_role("link", name=name).get_attribute("href")
            assert rest.request(hub, "GET", link).expect(200).json[field]
        rest.request(hub, "GET", "/docs/assets/swagger-ui-bundle.js").expect_problem(404, "not-found")
        hub.stop()
    finally:
        shutil.rmtree(program.parent.parent)


def test_swagger_ui_may_be_elsewhere(make_hub, tmp_path):
    """--swagger-ui names a folder; one that does not have it is a mistake that ends the start."""
    folder = tmp_path
    (folder / "swagger-ui-bundle.js").write_text("js" * 100_000)
    with pytest.raises(AssertionError, match="swagger-ui.css: No such file or directory"):
        make_hub("--swagger-ui", str(folder)).start()
    (folder / "swagger-ui.css").write_text("css")
    hub = make_hub("--swagger-ui", str(folder)).start()
    script = rest.request(hub, "GET", "/docs/assets/swagger-ui-bundle.js").expect(200)
    assert script.body == b"js" * 100_000 and script.headers.get_content_type() == "text/javascript"
    tag = {"If-None-Match": script.headers["ETag"]}
    assert rest.request(hub, "GET", "/docs/assets/swagger-ui-bundle.js", headers=tag).expect(304).body == b""
    hub.stop()
