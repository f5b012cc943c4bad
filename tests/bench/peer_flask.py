"""The peer that issue 2 names: Flask, gunicorn and SQLAlchemy, two queries per status call. For pet-bench api --peer flask."""
import os

from flask import Flask, jsonify, request
from sqlalchemy import BigInteger, Column, DateTime, Float, ForeignKey, String, create_engine
from sqlalchemy.orm import declarative_base, relationship, scoped_session, sessionmaker

Base = declarative_base()


class Job(Base):
    __tablename__ = "job"
    id = Column(BigInteger, primary_key=True)
    job_id = Column(String(64))
    mission_name = Column(String(64))
    status = Column(String(16))
    created_at = Column(DateTime)
    started_at = Column(DateTime)
    ended_at = Column(DateTime)
    tasks = relationship("Task")


class Task(Base):
    __tablename__ = "task"
    id = Column(BigInteger, primary_key=True)
    job = Column(BigInteger, ForeignKey("job.id"))
    name = Column(String(64))
    party = Column(String(64))
    status = Column(String(16))
    progress = Column(Float)
    started_at = Column(DateTime)
    ended_at = Column(DateTime)
    error_code = Column(String(64))


engine = create_engine(os.environ["PEER_DB"], pool_size=4)
Session = scoped_session(sessionmaker(bind=engine))
app = Flask(__name__)


@app.teardown_appcontext
def done(_error):
    Session.remove()


@app.route("/job/status")
def status():
    job = Session.query(Job).filter(Job.job_id == request.args.get("job_id", "")).first()
    if job is None:
        return jsonify(success=False, error_code="JOB_NOT_FOUND", error_message="no such job"), 404
    tasks = [{"name": t.name, "party": t.party, "status": t.status, "progress": t.progress,
              "start_time": str(t.started_at), "end_time": str(t.ended_at), "error_code": t.error_code} for t in job.tasks]
    return jsonify(success=True, job_id=job.job_id, mission_name=job.mission_name, status=job.status,
                   task_status={t["name"]: t["status"] for t in tasks}, tasks=tasks)
