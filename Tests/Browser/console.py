"""The console in a headless Chromium, with real clicks: `make test-console`.

Starts a platform, a gateway with names that wait, and goes through every page; axe-core looks at each, light and dark. Screenshots
go to the directory that is given.
"""
import json, os, pathlib, re, shutil, subprocess, sys, tempfile, time

import axe_selenium_python
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

BIN = pathlib.Path(os.environ.get("BIN", ".build/debug")).resolve()
SHOTS = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()).resolve()
AXE = pathlib.Path(axe_selenium_python.__file__).parent / "node_modules/axe-core/axe.min.js"
ROOT = pathlib.Path(__file__).resolve().parents[2]
failures = []


def check(condition, text):
    print(("ok    " if condition else "FAILED"), text)
    if not condition:
        failures.append(text)


class Chain:
    """Platform, gateway and Lua host on free ports, in a directory of their own."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="console-"))
        self.processes = []
        (self.directory / "platform.json").write_text(json.dumps({
            "users": [{"name": "Administrator", "password": "admin-pass-1", "groups": ["Administrators"]}, {"name": "gateway", "groups": ["Edge"]}],
            "application_keys": [{"name": "gateway", "key": "gwkey", "user": "gateway"}],
            "permissions": [{"group": "Edge", "things": ["DemoHost", "Hall-4", "New*"], "allow": ["bind", "read", "write", "invoke", "fire"]}],
            "things": [{"name": "DemoHost", "template": "RemoteThing", "description": "The machine that this runs on"}, {"name": "Hall-4", "template": "EMSGateway", "description": "Gateway of hall 4"}],
        }))
        log = self.start("platform", "thingplatform", "--demo", "--link", "--port", "0")
        line = self.line(log, r"signed in.*?(http\S+)")
        self.link = line.group(1)
        self.origin = re.match(r"http://[^/]+", self.link).group(0)
        port = int(self.origin.rsplit(":", 1)[1])
        etc = self.directory / "etc"
        shutil.copytree(ROOT / "Examples/demo/etc/custom", etc / "custom")
        (etc / "config.json").write_text(json.dumps({
            "ws_servers": [{"host": "127.0.0.1", "port": port}], "appKey": "gwkey", "logger": {"level": "INFO"},
            "http_server": {"host": "127.0.0.1", "port": 0, "ssl": False, "authenticate": False},
            "auto_bind": [{"name": "Hall-4", "gateway": True}, {"name": "NewPump-7", "host": "127.0.0.1", "port": 1}, {"name": "*SN-9", "host": "127.0.0.1", "port": 1}],
            "ws_connection": {"encryption": "none", "max_connect_delay": 0},
        }))
        gateway = self.line(self.start("gateway", "wsems"), r"listening on http://127.0.0.1:(\d+)").group(1)
        (etc / "config.lua").write_text(
            f'scripts.log_level = "INFO"\nscripts.rap_host = "127.0.0.1"\nscripts.rap_port = {gateway}\nscripts.rap_ssl = false\nscripts.rap_server_authenticate = false\n'
            'scripts.script_resource_host = "127.0.0.1"\nscripts.script_resource_port = 0\nscripts.script_resource_ssl = false\nscripts.script_resource_authenticate = false\n'
            'scripts.DemoHost = { file = "thing.lua", template = "host", scanRate = 1000, taskRate = 1000, keepAliveRate = 5000 }\n')
        self.start("scripts", "luaScriptResource")
        self.line(log, r"DemoHost is bound")

    def start(self, name, program, *arguments):
        log = self.directory / f"{name}.log"
        self.processes.append(subprocess.Popen([BIN / program, *arguments], cwd=self.directory, stdout=log.open("w"), stderr=subprocess.STDOUT))
        return log

    def line(self, log, pattern, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, log.read_text())
            if found:
                return found
            time.sleep(0.05)
        raise SystemExit(f"{pattern} is not in {log}:\n{log.read_text()}")

    def end(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait(10)


def browser(width=1280, height=900, dark=False):
    options = webdriver.ChromeOptions()
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},{height}"] + (["--force-dark-mode"] if dark else []):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options)
    driver.implicitly_wait(5)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
    return driver


class Console:
    def __init__(self, driver, origin):
        self.driver, self.origin = driver, origin

    def wait(self, condition, what, seconds=15):
        try:
            return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda d: condition())
        except Exception:
            self.shot("failed")
            raise SystemExit(f"{what}: it did not come\n{self.driver.find_element(By.TAG_NAME, 'body').text[:2000]}\n{self.driver.get_log('browser')}")

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def see(self, text):
        self.wait(lambda: text in self.text(), text)

    def button(self, text, within=None):
        return self.wait(lambda: next((b for b in (within or self.driver).find_elements(By.XPATH, f".//button[normalize-space(.)='{text}' or @aria-label='{text}']") if b.is_displayed()), None), text)

    def click(self, text):
        self.button(text).click()

    def go(self, place):
        self.driver.find_element(By.XPATH, f"//nav//a[.='{place}']").click()

    def field(self, label, index=0):
        found = [e for e in self.driver.find_elements(By.XPATH, f"//label[span[starts-with(., '{label}')]]/*[self::input or self::select or self::textarea]") if e.is_displayed()]
        return found[index]

    def fill(self, label, text, index=0):
        field = self.field(label, index)
        if field.tag_name == "select":
            field.find_element(By.XPATH, f"./option[.='{text}']").click()
        else:
            field.clear()
            field.send_keys(text)

    def prompt(self, text=None):
        alert = WebDriverWait(self.driver, 10).until(lambda d: d.switch_to.alert)
        if text is not None:
            alert.send_keys(text)
        alert.accept()

    def sign_in(self):
        self.driver.get(self.origin)
        self.see("Sign in with a user of this platform.")
        self.driver.find_element(By.NAME, "user").send_keys("Administrator")
        self.driver.find_element(By.NAME, "password").send_keys("admin-pass-1" + Keys.ENTER)
        self.see("DemoHost")

    def shot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(SHOTS / f"{name}.png"))

    def axe(self, name):
        # The page's own policy lets no script in: it is put there by the driver.
        self.driver.execute_script(AXE.read_text())
        found = self.driver.execute_async_script("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']}).then(arguments[0])")
        for violation in found["violations"]:
            print("      ", violation["id"], violation["help"], [n["html"][:120] for n in violation["nodes"]][:3])
        check(not found["violations"], f"axe-core finds nothing on {name}")


def run(chain):
    driver = browser()
    console = Console(driver, chain.origin)
    try:
        # Who has not signed in sees a form and nothing else.
        driver.get(chain.origin)
        console.see("Sign in with a user of this platform.")
        console.axe("the sign-in page")
        console.shot("sign-in")
        for name, password in [("Administrator", "wrong"), ("Administrator", "admin-pass-1")]:
            driver.find_element(By.NAME, "user").clear()
            driver.find_element(By.NAME, "user").send_keys(name)
            driver.find_element(By.NAME, "password").clear()
            driver.find_element(By.NAME, "password").send_keys(password + Keys.ENTER)
            if password == "wrong":
                console.see("user name or password wrong")
        console.see("DemoHost")
        check(driver.execute_script("return document.cookie") == "", "the session's cookie is not for scripts")
        console.click("Sign out")
        console.see("Sign in with a user of this platform.")

        # The link signs in once.
        driver.get(chain.link)
        console.see("DemoHost")
        check("token" not in driver.current_url, "the token does not stay in the address")
        console.shot("things")
        console.axe("Things")

        # A Thing with live values.
        driver.find_element(By.LINK_TEXT, "DemoHost").click()
        console.see("load")
        cell = lambda: driver.find_element(By.XPATH, "//td[.//strong='uptime']/following-sibling::td[1]/div").text
        console.wait(lambda: cell() not in ("", "–"), "a value")
        before = cell()
        console.wait(lambda: cell() != before, "a value that changes by itself")
        console.click("History of load")
        console.wait(lambda: re.search(r"\d+ values?\n", console.text()), "a chart")
        time.sleep(2.5)
        console.shot("thing")
        console.axe("a Thing")
        console.click("Services")
        driver.find_element(By.CSS_SELECTOR, "input[aria-label='Search services']").send_keys("GetPropertyValues")
        driver.find_element(By.XPATH, "//option[.='GetPropertyValues']").click()
        console.click("Call")
        console.see("Answered in")
        console.axe("services")
        console.click("Device")
        console.see("Services of the device")
        console.see("Add")
        console.click("Events")
        console.see("Bound")

        # Defining, writing, trying, deleting, undoing.
        console.go("Things")
        console.click("New Thing")
        console.fill("Name", "<b>Press</b> 12")
        console.fill("Template", "GenericThing")
        console.click("Make it")
        console.see("No properties are defined")
        console.click("Manage")
        console.fill("Name", "force")
        console.click("Define it")
        console.wait(lambda: driver.find_elements(By.XPATH, "//strong[.='force']"), "the property")
        console.click("Write force")
        console.prompt("71.5")
        console.wait(lambda: driver.find_elements(By.XPATH, "//div[contains(@class,'value') and .='71.5']"), "the written value")
        console.click("Try")
        console.fill("Value", "80")
        console.click("Push")
        console.click("Virtual device")
        console.click("Properties")
        force = lambda: driver.find_element(By.XPATH, "//td[.//strong='force']/following-sibling::td[1]/div").text
        console.wait(lambda: force() not in ("71.5", "80", "–", "0"), "a value of the virtual device")
        console.click("Manage")
        console.axe("managing a Thing")
        console.click("Delete")
        console.prompt()
        console.see("is deleted")
        console.click("Undo")
        console.see("is back")
        console.see("<b>Press</b> 12")
        check(driver.execute_script("return document.querySelectorAll('main b').length") == 0, "markup in a name is text")

        # Claiming.
        console.go("Unclaimed")
        console.see("NewPump-7")
        console.shot("unclaimed")
        console.axe("Unclaimed")
        console.click("Claim NewPump-7")
        console.prompt()
        console.see("is made and bound")
        console.click("Claim SN-9")
        console.prompt("NewThing-9")
        console.see("No device waits for a Thing")

        console.go("Gateways")
        console.see("Hall-4")
        console.click("Version and log")
        console.see("Version")
        console.shot("gateways")
        console.axe("Gateways")

        # Keys: shown once, good at once.
        console.go("Keys")
        console.see("New key")
        console.fill("Name", "line5")
        console.click("Make it")
        console.see("is shown now and not again")
        key = re.search(r"appKey: ([0-9a-f-]{36})", console.text()).group(1)
        answer = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"appKey: {key}", f"{chain.origin}/Thingworx/Things"], capture_output=True, text=True)
        check(answer.stdout == "200", "the new key works as shown")
        console.shot("keys")
        console.axe("Keys")

        console.go("People")
        console.see("May X do Y?")
        console.fill("Thing", "Hall-4")
        console.fill("User", "gateway", 1)
        console.click("Ask")
        console.see("group Edge: bind")
        console.shot("people")
        console.axe("People")

        console.go("Trace")
        console.see("UpdateSubscribedPropertyValues")
        console.click("Pause")
        driver.find_element(By.CSS_SELECTOR, ".lines div").click()
        console.see('"entityName"') if "request" in driver.find_element(By.CSS_SELECTOR, ".lines div").text else console.see('"kind"')
        console.shot("trace")
        console.axe("Trace")
        errors = [e for e in driver.get_log("browser") if e["level"] == "SEVERE" and "403" not in e["message"] and "401" not in e["message"]]
        check(not errors, f"the browser complains of nothing {errors}")
        speed(driver, chain, console)
        keyboard(driver, console)
    finally:
        driver.quit()


def speed(driver, chain, console):
    """From the start of the navigation until the list of Things is there."""
    times = []
    for _ in range(5):
        driver.get("about:blank")
        driver.get(chain.origin + "/#/things")
        console.wait(lambda: driver.execute_script("return document.documentElement.dataset.ready"), "the page")
        times.append(driver.execute_script("return performance.now() - (performance.now() - performance.getEntriesByType('resource').filter(r => r.name.includes('/Thingworx/Things')).at(-1).responseEnd)"))
    size = driver.execute_script("return performance.getEntriesByType('resource').filter(r => !r.name.includes('/Thingworx/')).reduce((s, r) => s + r.decodedBodySize, 0) + performance.getEntriesByType('navigation')[0].decodedBodySize")
    whole = sum(f.stat().st_size for f in (ROOT / "Sources/PlatformConsole/console").iterdir())
    print(f"      interactive after {sorted(times)[2]:.0f} ms (median of 5); {size} bytes for the first page, {whole} for all")
    check(sorted(times)[2] <= 300, "interactive within 300 ms")
    check(whole <= 150_000, "at most 150 kB in all")


def keyboard(driver, console):
    """Everything by keys: the first one leads to the content, the next ones along the bar."""
    driver.get(console.origin + "/#/things")
    console.see("DemoHost")
    driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    check(driver.switch_to.active_element.text == "Skip to the content", "the first key leads past the bar")
    seen = []
    for _ in range(12):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        seen.append(driver.switch_to.active_element.text)
    check("Trace" in seen and "Sign out" in seen, "the bar is reached by keys")


def others(chain):
    """Dark and narrow."""
    for name, width, dark in [("dark", 1280, True), ("narrow", 400, False)]:
        driver = browser(width, 860, dark)
        console = Console(driver, chain.origin)
        try:
            console.sign_in()
            driver.get(chain.origin + "/#/things/DemoHost")
            console.see("load")
            console.click("History of load")
            console.wait(lambda: re.search(r"\d+ values?\n", console.text()), "a chart")
            time.sleep(1)
            console.shot(name)
            console.axe(f"a Thing, {name}")
            check(driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), f"nothing reaches beyond the window, {name}")
        finally:
            driver.quit()


def jumps(chain):
    """A thousand updates a second: nothing moves."""
    driver = browser()
    console = Console(driver, chain.origin)
    try:
        console.sign_in()
        driver.get(chain.origin + "/#/things/Demo")
        console.see("temperature")
        driver.execute_script("window.shift = 0; new PerformanceObserver(l => { for (const e of l.getEntries()) window.shift += e.value; }).observe({type: 'layout-shift', buffered: false});")
        sent = driver.execute_async_script("""
            const done = arguments[0];
            import('/api.js').then(async (api) => {
              let sent = 0;
              const end = performance.now() + 4000;
              while (performance.now() < end) {
                const rows = Array.from({ length: 50 }, (_, i) => ({ name: 'temperature', baseType: 'NUMBER', value: Math.random() * 10 ** (i % 7) }));
                await api.push('Demo', rows);
                sent += rows.length;
                await new Promise((r) => setTimeout(r, 25));
              }
              done(sent);
            });""")
        shift = driver.execute_script("return window.shift")
        print(f"      {sent / 4:.0f} values a second, layout shift {shift}")
        check(sent / 4 >= 1000 and shift < 0.001, "nothing moves at 1,000 updates a second")
    finally:
        driver.quit()


chain = Chain()
try:
    run(chain)
    others(chain)
    jumps(chain)
finally:
    chain.end()
print(f"\nscreenshots in {SHOTS}")
if failures:
    raise SystemExit(f"{len(failures)} failed: " + "; ".join(failures))
