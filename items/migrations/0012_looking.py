from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("items", "0011_imports")]

    operations = [
        migrations.AlterField(
            model_name="importjob",
            name="state",
            field=models.CharField(
                choices=[
                    ("looking", "Looking at the file"),
                    ("ready", "Not started"),
                    ("running", "Running"),
                    ("done", "Done"),
                    ("cancelled", "Cancelled"),
                    ("failed", "Failed"),
                    ("interrupted", "Interrupted"),
                ],
                default="ready",
                max_length=20,
            ),
        ),
    ]
