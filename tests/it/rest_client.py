"""A client of /api/v1 as its users write one: HS256 by the standard library, every call of the published client.

    rest_client.py URL SECRET_FILE NAME REQUEST.json     exit status 0 and "ok" on the last line when all went as documented
"""
import base64
import hashlib
import hmac
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(secret, name):
    now = int(time.time())
    head = b64(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = b64(json.dumps({"name": name, "iat": now, "exp": now + 600}).encode())
    mac = hmac.new(secret, head + b"." + claims, hashlib.sha256).digest()
    return (head + b"." + claims + b"." + b64(mac)).decode()


class Client:
    def __init__(self, url, bearer):
        self.url, self.bearer = url, bearer

    def call(self, method, path, body=None, query=None):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", "Bearer " + self.bearer)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def submit(self, request):
        return self.call("POST", "/api/v1/jobs", request)

    def job(self, job_id):
        return self.call("GET", "/api/v1/jobs/" + job_id)

    def jobs(self, **query):
        return self.call("GET", "/api/v1/jobs", query=query)

    def cancel(self, job_id):
        return self.call("POST", "/api/v1/jobs/" + job_id + "/cancel", {})

    def rerun(self, job_id):
        return self.call("POST", "/api/v1/jobs/" + job_id + "/rerun", {})


def check(what, condition, seen):
    if not condition:
        print("failed:", what, json.dumps(seen))
        sys.exit(1)


def main():
    url, secret_file, name, request_file = sys.argv[1:]
    with open(secret_file, "rb") as f:
        client = Client(url, token(f.readline().strip(), name))
    with open(request_file, encoding="utf-8") as f:
        request = json.load(f)
    ids = []
    for _ in range(3):
        status, answer = client.submit(request)
        check("submit", status == 200 and answer["success"] and answer["job_id"].startswith("j_"), answer)
        ids.append(answer["job_id"])
    status, answer = client.job(ids[0])
    job = answer.get("job", {})
    check("job", status == 200 and job["job_id"] == ids[0] and job["job_status"] == "INIT" and "progress" in job and
          all({"name", "status", "start_time", "end_time"} <= set(t) for t in job["task_details"]), answer)
    status, answer = client.jobs(status="INIT", hours=1, limit=2)
    check("first page", status == 200 and [j["job_id"] for j in answer["jobs"]] == [ids[2], ids[1]], answer)
    status, answer = client.jobs(status="INIT", hours=1, limit=2, cursor=answer["cursor"])
    check("second page", status == 200 and [j["job_id"] for j in answer["jobs"]] == [ids[0]] and answer["cursor"] is None, answer)
    status, answer = client.cancel(ids[0])
    check("cancel", status == 200 and answer["success"], answer)
    status, answer = client.cancel(ids[0])
    check("cancel again", status == 409 and answer["error_code"] == "JOB_FINISHED", answer)
    status, answer = client.jobs(status="CANCELED")
    check("canceled ones", ids[0] in [j["job_id"] for j in answer["jobs"]] and
          {j["status"] for j in answer["jobs"]} == {"CANCELED"}, answer)
    status, answer = client.rerun(ids[0])
    check("rerun", status == 200 and answer["success"], answer)
    status, answer = client.jobs(status="CANCELED")
    check("it is canceled no more", ids[0] not in [j["job_id"] for j in answer["jobs"]], answer)
    status, answer = client.job("j_00000000000000000000")
    check("no job", status == 404 and answer["success"] is False and answer["error_code"] == "JOB_NOT_FOUND", answer)
    for job_id in ids:
        client.cancel(job_id)
    print("ok")


main()
