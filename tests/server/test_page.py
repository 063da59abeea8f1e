from tests.server.conftest import Serve


async def test_browsers_ask_each_time_whether_a_file_has_changed(serve: Serve) -> None:
    async with serve(ready=False) as running:
        for path in ("/", "/app.js"):
            first = await running.http.get(path)
            assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-cache")
            headers = {"If-None-Match": first.headers["ETag"]}
            again = await running.http.get(path, headers=headers)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["Cache-Control"] == "no-cache"
