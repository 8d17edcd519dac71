from .test_card import *
def test_dbg(page, lab, write, tmp_path):
    until = str(tmp_path / "never")
    call = f'job = cnai.train(patient, workers=2, name="stopped", args={{"until": {until!r}}})\njob'
    look = "import time; time.sleep(3)\nk=get_ipython().kernel\nprint('SUB', k._supports_kernel_subshells, k.shell_channel_thread.manager.list_subshell())"
    busy = "import time; time.sleep(6)\nprint('BUSY', job.status.value, k.shell_channel_thread.manager.list_subshell())"
    open_notebook(page, lab, write("stop.ipynb", IMPORT, TRAINING, call, look, busy))
    run_all(page)
    card(page, "Running")
    try:
        page.get_by_text("SUB").last.wait_for(timeout=9000)
        button(page, "Stop").click()
        page.get_by_text("BUSY").last.wait_for(timeout=9000)
        page.wait_for_timeout(3000)
    finally:
        print([o.inner_text() for o in page.locator(".jp-OutputArea-output").all()])
        print("disabled", button(page, "Stop").is_disabled() if button(page,"Stop").count() else "gone")
        page.screenshot(path="/tmp/wdev/dbg.png")
